//go:build !linux || race

package soak_test

// limitMemory does nothing, because the race detector needs much memory itself.
func limitMemory(uint64) {}
