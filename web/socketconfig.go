package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Sockets says how the websockets of a process are served. The zero value works.
//
// Who may open one is for [Hooks].Context to say, at the upgrade. What data it returns is that of each call of the socket.
type Sockets struct {
	// Origins are those, beside the server's own host, whose pages may open sockets: "https://app.example.org", or
	// "*" for all. Who sends no Origin is no browser, and may.
	Origins []string

	// MaxFrame is how large, in bytes, a client's frame may be; 0 is 1 MiB. A larger one closes its socket with 1009.
	MaxFrame int

	// Queue is how much, in bytes, may wait for a socket that reads too slowly; 0 is 1 MiB. A call whose result does not
	// fit waits, and with it the further requests of its socket. An event that does not fit closes the socket with 1008, or,
	// with DropEvents, drops the oldest events that wait.
	Queue      int
	DropEvents bool

	// Ping is how often a socket is asked whether it is still there; 0 is 30 s, negative is never. One that has said nothing,
	// not even a pong, for twice that is cut.
	Ping time.Duration

	// Idle is how long a socket may be without a request and an event; 0 is for ever. Then it is closed with 1001. It is
	// looked at as often as there is a Ping.
	Idle time.Duration
}

const (
	defaultMaxFrame = 1 << 20
	defaultQueue    = 1 << 20
	defaultPing     = 30 * time.Second

	// writeTime is how long a frame may take to be written.
	writeTime = 10 * time.Second

	// closeTime is how long a peer has to answer a close.
	closeTime = time.Second
)

// withDefaults returns c with what it does not say.
func (c Sockets) withDefaults() Sockets {
	c.MaxFrame = cmp.Or(c.MaxFrame, defaultMaxFrame)
	c.Queue = cmp.Or(c.Queue, defaultQueue)
	c.Ping = cmp.Or(c.Ping, defaultPing)
	return c
}

// mistakes returns what is wrong with the configuration.
func (c Sockets) mistakes() error {
	var mistakes []error
	for _, origin := range c.Origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			mistakes = append(mistakes, fmt.Errorf(`origin %q of websockets is none: write it as in "https://app.example.org", or "*" for all`, origin))
		}
	}
	if c.MaxFrame < 0 || c.Queue < 0 || c.Idle < 0 {
		mistakes = append(mistakes, errors.New("MaxFrame, Queue and Idle of web.Sockets are sizes and a time: leave them 0 for their defaults"))
	}
	return errors.Join(mistakes...)
}

// check returns an error for a page of an origin that may open no sockets.
func (c Sockets) check(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(c.Origins, "*") || slices.Contains(c.Origins, origin) {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	return &Error{
		Status:  http.StatusForbidden,
		Message: fmt.Sprintf("pages of origin %q may open no sockets on %q: name it in gomeko.web.socket_origins if they may", origin, r.Host),
	}
}
