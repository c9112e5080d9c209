//go:build !linux || race

package soak_test

// limitMemory does nothing: the race detector needs much memory of its own.
func limitMemory(uint64) {}
