//go:build unix

package runner

import (
	"os"
	"syscall"
)

// become turns this process into program: its signals and its exit status are this process's.
func become(program string, argv []string) error {
	return &os.PathError{Op: "exec", Path: program, Err: syscall.Exec(program, argv, os.Environ())}
}
