//go:build linux && !race

package soak_test

import (
	"fmt"
	"os"
	"syscall"
)

// limitMemory limits the memory of this process. An allocation beyond the limit ends it.
func limitMemory(bytes uint64) {
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
		fmt.Fprintln(os.Stderr, "setrlimit:", err)
		os.Exit(3)
	}
}
