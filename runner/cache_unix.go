//go:build unix

package runner

import (
	"os"
	"syscall"
)

// mine reports whether a file belongs to this user.
func mine(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// open reports whether other users may enter a folder.
func open(info os.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// replaceable reports whether other users may rename the entries of a folder.
func replaceable(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	others := info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0
	return others || ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// lock waits until no other process holds the lock on the file. The lock is released when the
// process ends, if not before.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() { _ = file.Close() }, nil
}
