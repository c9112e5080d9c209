// Package soak holds no code but tests: load on services in processes of their own, while these are killed, connections
// are cut, and the broker is stopped and started.
//
// The tests are small, seconds each, unless GOMEKO_SOAK=1, as `make soak` sets it. What happens when is drawn by a seed that
// each run prints: GOMEKO_SOAK_SEED repeats it, as far as load and time on the machine repeat.
package soak
