//go:build unix

package shell

import "golang.org/x/sys/unix"

// size returns the columns and rows of the terminal, or 80 and 24 if they are unknown.
func (t *terminal) size() (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(t.stdout.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}
