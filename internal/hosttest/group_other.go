//go:build !unix

package hosttest

import "os/exec"

func newGroup(*exec.Cmd) {}

func terminateGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() } // it fails if the process has ended
