package shell

import (
	"io"
	"sync"
)

// maxNotes limits how many bytes of the log are held while a line is typed.
const maxNotes = 64 << 10

// Notes is a writer for the log of a process with an interactive shell. It holds what is logged
// while the user types a line, and writes it afterwards. W is required. Several goroutines may
// write.
type Notes struct {
	W io.Writer

	mu sync.Mutex

	typing bool
	held   []byte
}

// Write implements [io.Writer]. While a line is typed, it holds up to 64 KiB and drops the rest.
func (n *Notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.typing {
		return n.W.Write(p)
	}
	if len(n.held)+len(p) <= maxNotes {
		n.held = append(n.held, p...)
	}
	return len(p), nil
}

// hold is called when the typing of a line begins and ends. A nil Notes does nothing.
func (n *Notes) hold(typing bool) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.typing = typing
	if !typing && len(n.held) > 0 {
		_, _ = n.W.Write(n.held) // there is nowhere to report an error
		n.held = nil
	}
}
