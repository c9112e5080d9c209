//go:build unix

package isolate

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Supported reports whether methods can be isolated on this system.
const Supported = true

// killGroup kills the process and what it has started.
func (c *process) killGroup() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) } // it may have ended

// askStacks has the process print its stacks, and end.
func (c *process) askStacks() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) }

// exitOf returns the exit code of a process, or -1, and whether SIGKILL or SIGTERM has ended it.
func exitOf(s *os.ProcessState) (code int, killed bool) {
	status, ok := s.Sys().(syscall.WaitStatus)
	return s.ExitCode(), ok && status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM)
}

// killOwnGroup kills this process and what it has started.
func killOwnGroup() { _ = syscall.Kill(0, syscall.SIGKILL) }

// isEnd reports whether err says that a pipe has ended, in order or because its process has.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed)
}

// inherited returns the files of the parent.
func inherited() (in, out *os.File, err error) {
	for fd := 3; fd <= 4; fd++ {
		syscall.CloseOnExec(fd)
		var is syscall.Stat_t
		if err := syscall.Fstat(fd, &is); err != nil {
			return nil, nil, err
		}
		if err := syscall.SetNonblock(fd, true); err != nil { // a read that waits takes no thread
			return nil, nil, err
		}
	}
	return os.NewFile(3, "calls"), os.NewFile(4, "frames"), nil
}

// withoutCore has a crash leave no core dump.
func withoutCore() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }

// endingSignals are those that end the parent, which then ends its children in order.
var endingSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}
