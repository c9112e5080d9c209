package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
)

// connections limits the open connections of a server, besides those of clients of feeds, and those
// that became websockets or were hijacked otherwise.
type connections struct {
	limit int
	feeds *atomic.Int64 // clients of feeds
	log   *slog.Logger

	mu sync.Mutex

	open   int
	fresh  map[net.Conn]struct{} // nothing was read from them yet
	idle   map[net.Conn]struct{} // they wait for a further request
	warned time.Time
}

// changed follows the connections: it is the ConnState of an http.Server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.fresh, conn)
	switch state {
	case http.StateNew:
		c.open++
		c.fresh[conn] = struct{}{}
		if c.open > c.limit+int(c.feeds.Load()) {
			c.closeOne(conn)
		}
	case http.StateIdle:
		c.idle[conn] = struct{}{}
	case http.StateActive:
		delete(c.idle, conn)
	case http.StateHijacked, http.StateClosed:
		delete(c.idle, conn)
		c.open--
	}
}

// freshLimit is how long a server that stops waits for the first request of connections. That of an
// honest client comes at once.
const freshLimit = time.Second

// drained waits until no connection is open but those that are idle, that became websockets, or
// that have sent nothing for freshLimit. It returns early if ctx ends.
func (c *connections) drained(ctx context.Context) {
	began, pause := time.Now(), time.Millisecond
	for {
		c.mu.Lock()
		busy := c.open - len(c.idle)
		if time.Since(began) > freshLimit {
			busy -= len(c.fresh)
		}
		c.mu.Unlock()
		if busy <= 0 || !wait.For(ctx, pause) {
			return
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

// closeOne makes room for a new connection: it closes an idle one, or the new one if none is idle.
// It is called with mu held.
func (c *connections) closeOne(conn net.Conn) {
	for other := range c.idle {
		delete(c.idle, other)
		conn = other
		break
	}
	conn.Close()
	if time.Since(c.warned) > time.Minute {
		c.warned = time.Now()
		c.log.Warn("too many HTTP connections: further ones close those that are idle, or are closed",
			"max_connections", c.limit, "remote", conn.RemoteAddr().String())
	}
}
