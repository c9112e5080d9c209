// Package ticks says when timers and periodic jobs tick, and what happens to ticks that come late.
package ticks
