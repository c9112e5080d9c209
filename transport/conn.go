package transport

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Config says how to reach a broker. Only URI is needed.
type Config struct {
	// URI is amqp://user:password@host:port/vhost; amqps and pyamqp are taken too.
	// Several, separated by ";" or ",", are tried in turn.
	URI string

	// Name is the connection's name in the broker's management: "service@host/pid".
	Name string

	// Dial makes the socket; nil is TCP. The address is host:port of the URI.
	// An embedded broker's in-memory connection comes in here.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Heartbeat is the interval proposed to the broker; 0 is 60 s, negative is none.
	Heartbeat time.Duration

	// MaxMessage is the largest body sent, in bytes; 0 is 16 MiB.
	MaxMessage int

	// Logger gets redials, refusals and what the broker says; nil is slog.Default().
	Logger *slog.Logger
}

// A Conn is a connection to a broker that redials by itself, for ever, with a back-off of
// 0.1 s to 10 s with jitter. Each socket is an epoch: topology is declared again, consumers
// consume again, and acknowledgements of an earlier epoch's deliveries are dropped, since
// the broker has taken those deliveries back. Its methods may be called by several goroutines.
type Conn struct{}

// Dial connects to the broker. The first connection must succeed: a wrong password, an
// unknown vhost or nobody listening is the error, with the cause and the remedy and never
// the password. After that the connection is kept until Close.
func Dial(ctx context.Context, cfg Config) (*Conn, error) { panic("sketch") }

// Close cancels nothing and acknowledges nothing: it flushes what was written, closes the
// connection in order within ctx, and waits for the connection's goroutines.
// With the broker away or blocked it ends all the same when ctx does.
func (c *Conn) Close(ctx context.Context) error { panic("sketch") }

// Epoch counts the connections made: 1 for the first. It changes when a redial has succeeded.
func (c *Conn) Epoch() uint64 { panic("sketch") }

// Wait returns when the connection is up and its topology and consumers are in place,
// or with ctx's cause.
func (c *Conn) Wait(ctx context.Context) error { panic("sketch") }
