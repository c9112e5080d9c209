//go:build !unix

package shell

// size returns the size that most terminals have at least.
func (t *terminal) size() (columns, rows int) { return 80, 24 }
