//go:build !unix

package isolate

import (
	"errors"
	"os"
	"syscall"
)

// Supported reports whether methods can be isolated on this system.
const Supported = false

func (c *process) killGroup()               { _ = c.cmd.Process.Kill() }
func (c *process) askStacks()               { _ = c.cmd.Process.Kill() }
func exitOf(s *os.ProcessState) (int, bool) { return s.ExitCode(), false }
func isEnd(error) bool                      { return true }
func attributes() *syscall.SysProcAttr      { return nil }
func resident(int) int64                    { return 0 }
func killOwnGroup()                         { os.Exit(1) }
func withoutCore()                          {}
func inherited() (in, out *os.File, err error) {
	return nil, nil, errors.New("this system has no isolated processes")
}

var endingSignals = []os.Signal{os.Interrupt}
