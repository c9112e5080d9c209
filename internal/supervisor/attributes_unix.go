//go:build unix && !linux

package supervisor

import "syscall"

// attributes returns the attributes of a process: a group of its own, so that Ctrl-C reaches only
// the parent.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as.system()}
}
