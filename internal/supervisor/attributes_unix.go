//go:build unix && !linux

package supervisor

import "syscall"

// attributes returns the attributes of a process. It has its own process group, so Ctrl-C only
// reaches the parent.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as.system()}
}
