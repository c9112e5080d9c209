package supervisor

import "syscall"

// attributes returns the attributes of a process: a group of its own, so that Ctrl-C reaches only
// the parent, and SIGTERM if the parent dies.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, Credential: as.system()}
}
