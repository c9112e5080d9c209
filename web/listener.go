package web

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxReturn is the longest delay that a reset asks for. Resets have random delays, so clients do
// not all return at once.
const maxReturn = 5 * time.Second

// A listener is a client of a feed while its request runs.
type listener struct {
	relay    *relay
	channels map[string]struct{}
	buckets  []*bucket
	ahead    position      // what the client has received already and this process has not
	wake     chan struct{} // holds a token when there is something to take
	cut      func()        // makes a blocked write to the client fail
	missed   hold          // the bytes of the events that it missed and gets now

	mu sync.Mutex

	events []outgoingEvent
	size   int
	gap    bool // the client gets a reset after the events
	slow   bool // the client reads too slowly: no more events are added
	ended  bool // the process is stopping
}

// An outgoingEvent is an event that waits to be sent to a client. frame is the event in the format
// of a stream; listeners share it.
type outgoingEvent struct {
	*event
	frame *frame
}

var (
	errFeeds       = &Error{Status: http.StatusServiceUnavailable, Message: "too many clients are listening: try again"}
	errStopping    = &Error{Status: http.StatusServiceUnavailable, Message: "the service is stopping"}
	errNoChannels  = &Error{Status: http.StatusForbidden, Message: "there is no channel that you may listen to"}
	errFeedChannel = "a client must not listen to more than %d channels: gomeko.web.feed_max_channels"
)

// listen adds a listener to channels. The caller must close it. A client that returns sends an id,
// and first gets the events that it has missed, or a reset.
func (r *relay) listen(ctx context.Context, channels []string, id string, cut func()) (*listener, *Error) {
	l := &listener{relay: r, channels: map[string]struct{}{}, wake: make(chan struct{}, 1), cut: cut}
	l.missed = hold{memory: &r.hub.memory, cut: cut}
	for _, channel := range channels {
		if len(channel) > maxChannelName {
			return nil, errChannelName
		}
		l.channels[channel] = struct{}{}
	}
	switch {
	case len(l.channels) == 0:
		return nil, errNoChannels
	case len(l.channels) > r.cfg.MaxChannels:
		return nil, &Error{Status: http.StatusForbidden, Message: fmt.Sprintf(errFeedChannel, r.cfg.MaxChannels)}
	}
	if why := r.enter(); why != nil {
		return nil, why
	}
	for channel := range l.channels {
		if b := r.join(channel); !slices.Contains(l.buckets, b) {
			l.buckets = append(l.buckets, b)
		}
	}
	limited, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	for _, b := range l.buckets {
		r.await(limited, b)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for channel := range l.channels {
		if r.feeds[channel] == nil {
			r.feeds[channel] = map[*listener]struct{}{}
		}
		r.feeds[channel][l] = struct{}{}
	}
	l.ended = r.closed
	if id != "" && !l.resume(id) {
		l.reset()
	}
	return l, nil
}

// enter counts a listener. It returns an error if there are too many.
func (r *relay) enter() *Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errStopping
	case r.open >= r.cfg.Max:
		return errFeeds
	}
	r.open++
	return nil
}

// close removes the listener.
func (l *listener) close() {
	r := l.relay
	r.mu.Lock()
	for channel := range l.channels {
		delete(r.feeds[channel], l)
		if len(r.feeds[channel]) == 0 {
			delete(r.feeds, channel)
		}
	}
	r.open--
	r.mu.Unlock()
	for channel := range l.channels {
		r.leave(channel)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slow = true
	l.discard()
	l.missed.release()
}

// resume adds the events that a client has missed since it received the given id, on the channels
// that it may listen to now. It returns false if these are not known, or are too many. It is called
// with the relay's mu held.
func (l *listener) resume(id string) bool {
	p, err := parsePosition(id)
	if err != nil {
		return false
	}
	var missed []*kept
	known := false
	for _, b := range l.buckets {
		h, had := p[b.bucket]
		if !had { // the client may not have listened to the channel before
			continue
		}
		if known = true; !b.bound || !b.covers(h) {
			return false
		}
		for _, k := range b.kept {
			if k.event != nil && k.seq > h.vector[k.origin] {
				if _, on := l.channels[k.event.channel]; on {
					missed = append(missed, k)
				}
			}
		}
		l.ahead = p
	}
	slices.SortFunc(missed, func(a, b *kept) int { return int(a.at) - int(b.at) })
	return l.addMissed(missed) && known
}

// addMissed adds kept events. It returns false if they exceed the client's queue, or if there is no
// memory for them.
func (l *listener) addMissed(missed []*kept) bool {
	size := 0
	for _, k := range missed {
		size += len(k.event.data) + frameOverhead
	}
	if len(missed) > 1 && size > l.relay.cfg.Queue || l.missed.take(int64(size)) != nil {
		l.missed.release()
		return false
	}
	for _, k := range missed {
		l.add(outgoingEvent{k.event, &frame{data: k.event.stream()}}, true)
	}
	return true
}

// position returns the position of the client when it has received everything that waits for it. It
// is called with the relay's mu held.
func (l *listener) position() string {
	if len(l.buckets) == 1 {
		return l.buckets[0].position()
	}
	parts := make([][]byte, len(l.buckets))
	for i, b := range l.buckets {
		parts[i] = b.vector()
	}
	return encodePosition(parts...)
}

// add adds an event. If the event does not fit, the client is disconnected, unless force is true.
func (l *listener) add(e outgoingEvent, force bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := len(e.frame.data) + frameOverhead
	switch {
	case l.slow:
		return
	case !force && len(l.events) > 0 && (l.size+size > l.relay.cfg.Queue || l.relay.hub.memory.full()):
		l.slow = true
		l.discard()
		if l.cut != nil {
			l.cut()
		}
	default:
		e.frame.users.Add(1)
		l.events = append(l.events, e)
		l.size += size
	}
	l.signal()
}

// discard drops the waiting events. It is called with mu held.
func (l *listener) discard() {
	for _, e := range l.events {
		e.frame.release()
	}
	l.events, l.size = nil, 0
}

// reset makes the client get a reset: it may have missed events.
func (l *listener) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap = true
	l.signal()
}

// end tells the client that the process is stopping.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.signal()
}

func (l *listener) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// A batch is everything that waits for a client.
type batch struct {
	events []outgoingEvent // the batch is one user of each frame
	reset  time.Duration   // delay after which the client should reload its state; negative if it need not
	id     string          // the client's position after the batch
	slow   bool            // the client was disconnected: the batch is empty
	ended  bool            // it is the last batch
}

// take returns everything that waits for the client.
func (l *listener) take() batch {
	l.relay.mu.Lock() // nothing is added in the meantime
	defer l.relay.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := batch{events: l.events, reset: -1, id: l.position(), slow: l.slow, ended: l.ended}
	if l.gap {
		b.reset = rand.N(maxReturn)
	}
	l.events, l.size, l.gap = nil, 0, false
	return b
}

// empty reports whether the batch contains nothing but the client's position.
func (b *batch) empty() bool { return len(b.events) == 0 && b.reset < 0 && !b.slow && !b.ended }

// release releases the frames of the events.
func (b *batch) release() {
	for _, e := range b.events {
		e.frame.release()
	}
}

// end ends the requests of all listeners, and refuses further ones.
func (r *relay) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, feeds := range r.feeds {
		for l := range feeds {
			l.end()
		}
	}
	for _, b := range r.buckets {
		if b.idle != nil {
			b.idle.Stop()
		}
	}
}
