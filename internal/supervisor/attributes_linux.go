package supervisor

import "syscall"

// attributes returns the attributes of a process. It has its own process group, so Ctrl-C only
// reaches the parent, and gets SIGTERM if the parent dies.
func attributes(as *Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM, Credential: as.system()}
}
