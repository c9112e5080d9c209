//go:build unix

package supervisor

import (
	"os"
	"syscall"
)

func (c *Credential) system() *syscall.Credential {
	if c == nil {
		return nil
	}
	return &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
}

// own makes the user the owner of a file.
func (c *Credential) own(path string) error {
	if c == nil {
		return nil
	}
	return os.Chown(path, int(c.UID), int(c.GID))
}
