package mail_test

import (
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// A relay is an SMTP server that keeps the messages that it receives.
type relay struct {
	net.Listener
	hang chan struct{} // a message to hang@example.org is not accepted until it is closed

	mu sync.Mutex

	conns    map[*textproto.Conn]bool
	accepted int
	most     int // concurrent connections
	quits    int
	messages []string
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, hang: make(chan struct{}), conns: map[*textproto.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			running.Go(func() { r.serve(textproto.NewConn(conn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(r.hang)
		r.hangUp()
		running.Wait()
	})
	return r
}

func (r *relay) serve(c *textproto.Conn) {
	r.enter(c)
	defer r.leave(c)
	_ = c.PrintfLine("220 relay.example.org")
	recipient := ""
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		reply := "250 OK"
		switch verb, rest, _ := strings.Cut(line, " "); verb {
		case "RCPT":
			recipient = rest
			if strings.Contains(rest, "nobody@") {
				reply = "550 no such person"
			}
		case "DATA":
			_ = c.PrintfLine("354 go on")
			text, err := io.ReadAll(c.DotReader())
			if err != nil {
				return
			}
			if strings.Contains(recipient, "hang@") {
				<-r.hang
			}
			r.keep(string(text))
		case "QUIT":
			r.quit()
			reply = "221 bye"
		}
		if c.PrintfLine("%s", reply) != nil || reply == "221 bye" {
			return
		}
	}
}

func (r *relay) enter(c *textproto.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = true
	r.accepted++
	r.most = max(r.most, len(r.conns))
}

func (r *relay) leave(c *textproto.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	c.Close()
}

func (r *relay) keep(message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, message)
}

func (r *relay) quit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quits++
}

// hangUp closes all connections.
func (r *relay) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

// A record counts the connections and messages of a relay.
type record struct{ accepted, most, quits, messages int }

func (r *relay) seen() record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return record{r.accepted, r.most, r.quits, len(r.messages)}
}
