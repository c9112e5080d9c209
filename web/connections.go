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

// connections limits the open connections of a server. It does not count the clients of feeds, nor
// connections that became websockets or were otherwise hijacked.
type connections struct {
	limit int
	feeds *atomic.Int64 // number of clients of feeds
	log   *slog.Logger

	mu sync.Mutex

	open   int
	fresh  map[net.Conn]struct{} // nothing has been read from them yet
	idle   map[net.Conn]struct{} // waiting for another request
	warned time.Time
}

// changed tracks the states of connections. It is the ConnState of an http.Server.
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

// freshLimit is how long a stopping server waits for the first request of a new connection.
// Well-behaved clients send it at once.
const freshLimit = time.Second

// drained blocks until the only open connections are idle, have become websockets, or have sent
// nothing for freshLimit. It returns early if ctx ends.
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

// closeOne makes room for a new connection by closing an idle one or, if none is idle, the new one.
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
