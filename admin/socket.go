package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// listenUnix opens a unix socket that only the user of the process may open. It replaces a socket
// on which nobody listens.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	unlock, err := lockFolder(filepath.Dir(path)) // another process may start at the same time
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{Control: private}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	return &socket{l, path, made}, nil
}

// removeStale removes the socket at path if nobody listens on it. It returns an error if the path
// cannot be used.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is not a socket: name another path, or remove it", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("another process listens on %s: name another path, or stop that process", path)
}

// A socket is the listener of a unix socket.
type socket struct {
	net.Listener
	path string
	made fs.FileInfo
}

// Close closes the listener, and removes the socket unless it was replaced.
func (s *socket) Close() error {
	if there, err := os.Lstat(s.path); err == nil && os.SameFile(there, s.made) {
		_ = os.Remove(s.path) // the next process replaces it
	}
	return s.Listener.Close()
}

// File returns a copy of the listener's file, for processes to which the socket is passed.
func (s *socket) File() (*os.File, error) { return s.Listener.(*net.UnixListener).File() }
