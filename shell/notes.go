package shell

import (
	"io"
	"sync"
)

// maxNotes is how many bytes of the log wait until a line is typed.
const maxNotes = 64 << 10

// Notes is a writer for the log of a process with an interactive shell: what is logged while a line
// is typed is written when that is done. W is required. Several goroutines may write.
type Notes struct {
	W io.Writer

	mu sync.Mutex

	typing bool
	held   []byte
}

// Write implements [io.Writer]. It drops what does not fit into 64 KiB that wait.
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

// hold begins or ends the typing of a line. A nil Notes has nothing to hold.
func (n *Notes) hold(typing bool) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.typing = typing
	if !typing && len(n.held) > 0 {
		_, _ = n.W.Write(n.held) // there is nowhere to tell
		n.held = nil
	}
}
