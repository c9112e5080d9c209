//go:build unix

package runner

import (
	"os"
	"syscall"
)

// become replaces this process with program, which then receives its signals and sets its exit
// status.
func become(program string, argv []string) error {
	return &os.PathError{Op: "exec", Path: program, Err: syscall.Exec(program, argv, os.Environ())}
}
