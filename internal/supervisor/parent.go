package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
)

// variable is the environment variable that makes a process a supervised one. It contains an
// Assignment in JSON.
const variable = "GOMEKO_SUPERVISED"

// An Assignment is what the parent tells a process at its start.
type Assignment struct {
	Process int `json:"process"` // number of the process, starting at 1
	Of      int `json:"of"`      // number of processes

	// Broker is the URI of the broker that the parent hosts, or "" if it hosts none.
	Broker string `json:"broker,omitempty"`
}

// A Parent represents the supervisor in this process. Its methods may be called concurrently.
type Parent struct {
	Assignment

	conn    *net.UnixConn
	gone    chan struct{}
	replies chan reply

	asking sync.Mutex // held until the reply to a request has arrived

	writing sync.Mutex
	w       *bufio.Writer
}

// Join returns the supervisor of this process, or nil if it has none. The program calls it once.
func Join() (*Parent, error) {
	text := os.Getenv(variable)
	if text == "" {
		return nil, nil //nolint:nilnil // most processes have none
	}
	if err := os.Unsetenv(variable); err != nil { // it must not affect processes that this one starts
		return nil, err
	}
	p := &Parent{gone: make(chan struct{}), replies: make(chan reply)}
	if err := json.Unmarshal([]byte(text), &p.Assignment); err != nil {
		return nil, fmt.Errorf("%s: %w: unset it", variable, err)
	}
	conn, err := inherited()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: unset it, unless a supervisor has set it", variable, err)
	}
	p.conn, p.w = conn, bufio.NewWriter(conn)
	go p.read()
	return p, nil
}

// Gone returns a channel that is closed when the parent has died.
func (p *Parent) Gone() <-chan struct{} { return p.gone }

// Notify sends states to the parent, as lines of sd_notify(3).
func (p *Parent) Notify(state ...string) { _ = p.send(state...) } // if this fails, Gone is closed

// Fail tells the parent why the process is about to exit.
func (p *Parent) Fail(err error) {
	if text, jsonErr := json.Marshal(err.Error()); jsonErr == nil {
		_ = p.send("ERROR=" + string(text))
	}
}

func (p *Parent) send(lines ...string) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	for _, line := range lines {
		if _, err := p.w.WriteString(strings.ReplaceAll(line, "\n", " ") + "\n"); err != nil {
			return err
		}
	}
	return p.w.Flush()
}

// A request asks for a listening socket. The parent answers each request.
type request struct {
	Network string `json:"network"` // tcp, or another network that the parent's Listen accepts
	Address string `json:"address"`
}

// A reply answers a request. The socket is sent with it, unless there is an error.
type reply struct {
	Error string `json:"error,omitempty"`
	InUse bool   `json:"in_use,omitempty"` // the error is EADDRINUSE

	file *os.File
}

// Listen returns the socket that the parent has opened for an address. If there is none, the parent
// opens it. All processes that ask get the same one.
func (p *Parent) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	text, err := json.Marshal(request{network, address})
	if err != nil {
		return nil, err
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	if err := p.send("LISTEN=" + string(text)); err != nil {
		return nil, err
	}
	select {
	case r := <-p.replies:
		switch {
		case r.InUse:
			return nil, inUse{r.Error}
		case r.Error != "":
			return nil, errors.New(r.Error)
		}
		defer r.file.Close()
		return net.FileListener(r.file)
	case <-p.gone:
		return nil, errors.New("the supervisor has ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inUse is the error for an address that is in use, with the parent's text.
type inUse struct{ text string }

func (e inUse) Error() string { return e.text }
func (e inUse) Unwrap() error { return syscall.EADDRINUSE }
