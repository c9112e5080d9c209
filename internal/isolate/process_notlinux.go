//go:build unix && !linux

package isolate

import "syscall"

// attributes returns the attributes of a child: a group of its own.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// resident returns 0: the memory of another process is not known.
func resident(int) int64 { return 0 }
