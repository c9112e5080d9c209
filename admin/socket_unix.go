//go:build unix

package admin

import (
	"os"
	"syscall"
)

// private sets the mode of a unix socket before it has a name. Systems other than Linux do not
// allow this; there, the mode is set directly afterwards.
func private(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}

// lockFolder waits until no other process holds the lock on the folder.
func lockFolder(path string) (unlock func(), err error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		_ = folder.Close()
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { _ = folder.Close() }, nil
}
