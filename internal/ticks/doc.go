// Package ticks determines when timers and periodic jobs tick, and what happens to late ticks.
package ticks
