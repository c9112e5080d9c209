//go:build unix && !linux

package isolate

import "syscall"

// attributes returns the attributes of a child, which has its own process group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// resident returns 0, because the memory of other processes is unknown here.
func resident(int) int64 { return 0 }
