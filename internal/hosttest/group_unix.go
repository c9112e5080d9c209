//go:build unix

package hosttest

import (
	"os/exec"
	"syscall"
)

// newGroup gives the process a group, so that killGroup reaches its children: go run has one.
func newGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
}

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // fails if it has ended
