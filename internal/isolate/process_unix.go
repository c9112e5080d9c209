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

// killGroup kills the process and everything that it started.
func (c *process) killGroup() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) } // it may have ended already

// askStacks makes the process print its stacks and exit.
func (c *process) askStacks() { _ = c.cmd.Process.Signal(syscall.SIGQUIT) }

// exitOf returns the exit code of a process, or -1, and whether SIGKILL or SIGTERM ended it.
func exitOf(s *os.ProcessState) (code int, killed bool) {
	status, ok := s.Sys().(syscall.WaitStatus)
	return s.ExitCode(), ok && status.Signaled() && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM)
}

// killOwnGroup kills this process and everything that it started.
func killOwnGroup() { _ = syscall.Kill(0, syscall.SIGKILL) }

// isEnd reports whether err means that a pipe was closed, by the other process or because it ended.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed)
}

// inherited returns the pipes to the parent.
func inherited() (in, out *os.File, err error) {
	for fd := 3; fd <= 4; fd++ {
		syscall.CloseOnExec(fd)
		var is syscall.Stat_t
		if err := syscall.Fstat(fd, &is); err != nil {
			return nil, nil, err
		}
		if err := syscall.SetNonblock(fd, true); err != nil { // so that a blocked read takes no thread
			return nil, nil, err
		}
	}
	return os.NewFile(3, "calls"), os.NewFile(4, "frames"), nil
}

// withoutCore prevents core dumps.
func withoutCore() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) }

// endingSignals are the signals that end the parent, which then ends its children in an orderly
// way.
var endingSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE}
