package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// A Hub sends events to websockets and to the clients of feeds ([Feed]). It is a field of a
// service, and any method may call its functions: an RPC, an event handler, a route. A test sets
// the field to a literal with the functions that the method calls.
//
// A Hub reaches the clients of its own process. If [Config].Hub is "fleet", Broadcast, Unicast and
// Subscriptions reach the clients of every process of the fleet through the broker; the calling
// process needs neither clients nor HTTP. If a process loses its connection to the broker, its
// clients get a reset when it has reconnected: the event "reset" with the data {"delay_ms": 1234}.
// A client should then reload its state after that delay in milliseconds.
//
// A socket is identified by [Socket].ID. A channel is a name that sockets subscribe to; it need not
// be declared. The functions may be called concurrently. None waits for a client; see
// [Sockets].Queue for what happens to slow readers.
type Hub struct {
	// Subscribe subscribes a socket of this process to a channel, whose name may have up to 1,024
	// bytes. In a fleet it returns once the process receives the events of the channel, or after 5
	// s. It returns [ErrConnectionNotFound] if the socket is not open, and [ErrTooManyChannels] if
	// it already is on [Sockets].MaxChannels channels.
	Subscribe func(socketID, channel string) error

	// Unsubscribe ends a subscription of a socket of this process, if there is one.
	Unsubscribe func(socketID, channel string)

	// Subscriptions returns the channels of a socket, sorted. It returns none if the socket is not
	// open.
	Subscriptions func(socketID string) []string

	// Broadcast sends an event to every client on a channel: first to the clients of this process,
	// then, in a fleet, to the others. Events are sent in the order of the calls. It does not wait
	// for clients; it waits for the broker only if many events wait to be sent. It returns an error
	// if data cannot be encoded as JSON, or one that matches [ErrBackplane].
	Broadcast func(ctx context.Context, channel, event string, data any) error

	// Unicast sends an event to one socket. It returns false if the socket is not open, and an
	// error if data cannot be encoded as JSON or the process of the socket does not answer.
	Unicast func(ctx context.Context, socketID, event string, data any) (bool, error)
}

// ErrConnectionNotFound is the error for a socket that is not open. The errors that a [Hub] returns
// match it, and name the socket's ID.
var ErrConnectionNotFound = rpcerror.New("nameko.exceptions.ConnectionNotFound", "connection not found")

// ErrTooManyChannels is the error for a socket that is on [Sockets].MaxChannels channels already.
var ErrTooManyChannels = rpcerror.New("gomeko.web.TooManyChannels", "the socket is on too many channels")

// errChannelName is the error for a channel whose name is too long.
var errChannelName = &Error{Status: http.StatusBadRequest, Type: "ChannelName", Message: fmt.Sprintf("the name of a channel must not be longer than %d bytes", maxChannelName)}

const maxChannelName = 1024

// Dependency returns the value of a Hub field: it implements [service.DependencyType].
func (Hub) Dependency(f *service.Field) (any, error) {
	shared, err := service.Shared(f.Host, newSocketServer)
	if err := errors.Join(f.Tag.Keys(), err); err != nil {
		return nil, err
	}
	if h, ok := f.Value().(Hub); ok && h.set() { // set by a test
		return h, nil
	}
	h := &shared.hub
	return Hub{h.subscribe, h.unsubscribe, h.subscriptions, h.broadcast, h.unicast}, nil
}

// set reports whether any function of the Hub is set.
func (h Hub) set() bool {
	return h.Subscribe != nil || h.Unsubscribe != nil || h.Subscriptions != nil || h.Broadcast != nil || h.Unicast != nil
}

// A hub holds the open sockets of a process and their channels. It implements [Hub].
type hub struct {
	closed chan struct{} // closed when no further sockets are accepted
	cfg    Sockets
	codec  codec.Codec
	memory memory // of the frames that wait to be sent
	relay  *relay // nil unless there are feeds, or other processes

	mu       sync.RWMutex
	sockets  map[string]*Socket
	channels map[string]map[*Socket]struct{}
}

// add adds a socket and calls start, which begins its goroutines; both happen before close can
// return. It returns false if the hub is closed.
func (h *hub) add(s *Socket, start func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
		return false
	default:
	}
	h.sockets[s.ID] = s
	start()
	return true
}

// remove removes a socket and its subscriptions.
func (h *hub) remove(s *Socket) {
	h.mu.Lock()
	delete(h.sockets, s.ID)
	channels := s.channels // they do not change any more
	h.mu.Unlock()
	for part := range slices.Chunk(slices.Collect(maps.Keys(channels)), 100) { // in parts, to release the lock in between
		h.mu.Lock()
		for _, channel := range part {
			h.leave(s, channel)
		}
		h.mu.Unlock()
	}
}

// full reports whether the maximum number of sockets is open.
func (h *hub) full() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.sockets) >= h.cfg.Max
}

// open returns the open sockets.
func (h *hub) open() []*Socket {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.sockets))
}

// close makes the hub refuse further sockets, and returns the open ones.
func (h *hub) close() []*Socket {
	h.mu.Lock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
	h.mu.Unlock()
	return h.open()
}

func (h *hub) subscribe(id, channel string) error {
	if len(channel) > maxChannelName {
		return errChannelName
	}
	b, err := h.enter(id, channel)
	if b != nil && h.relay.backplane != nil {
		ctx, cancel := context.WithTimeout(context.Background(), bindTimeout)
		defer cancel()
		h.relay.await(ctx, b)
	}
	return err
}

// enter adds a subscription. It returns the bucket of the channel, or nil if there is no relay.
func (h *hub) enter(id, channel string) (*bucket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.sockets[id]
	if s == nil {
		return nil, ErrConnectionNotFound.WithText(id)
	}
	_, on := s.channels[channel]
	if !on && len(s.channels) >= h.cfg.MaxChannels {
		return nil, ErrTooManyChannels.WithText(fmt.Sprintf("the socket is on %d channels already: gomeko.web.socket_max_channels", len(s.channels)))
	}
	if h.channels[channel] == nil {
		h.channels[channel] = make(map[*Socket]struct{})
	}
	h.channels[channel][s] = struct{}{}
	if s.channels == nil {
		s.channels = make(map[string]struct{})
	}
	s.channels[channel] = struct{}{}
	if h.relay == nil || on {
		return nil, nil
	}
	return h.relay.join(channel), nil
}

func (h *hub) unsubscribe(id, channel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sockets[id]; s != nil {
		h.leave(s, channel)
	}
}

// leave ends a subscription, and removes a channel without sockets. It is called with mu held.
func (h *hub) leave(s *Socket, channel string) {
	if _, on := s.channels[channel]; on && h.relay != nil {
		h.relay.leave(channel)
	}
	delete(s.channels, channel)
	delete(h.channels[channel], s)
	if len(h.channels[channel]) == 0 {
		delete(h.channels, channel)
	}
}

func (h *hub) subscriptions(id string) []string {
	if topic := h.relay.elsewhere(id); topic != "" {
		var channels []string
		_, err := h.relay.ask(context.Background(), Message{Topic: topic, Event: askSubscriptions, Socket: id}, &channels)
		if err != nil {
			h.relay.log.Warn("subscriptions of a socket are not known", "socket_id", id, "err", clip.Error(err))
		}
		return append([]string{}, channels...)
	}
	return h.subscriptionsHere(id)
}

// subscriptionsHere returns the channels of a socket of this process.
func (h *hub) subscriptionsHere(id string) []string {
	channels := []string{}
	h.mu.RLock()
	if s := h.sockets[id]; s != nil {
		channels = slices.AppendSeq(channels, maps.Keys(s.channels))
	}
	h.mu.RUnlock()
	slices.Sort(channels)
	return channels
}

func (h *hub) broadcast(ctx context.Context, channel, event string, data any) error {
	if h.relay != nil {
		return h.relay.broadcast(ctx, channel, event, data)
	}
	frame, err := eventFrame(h.codec, event, data)
	if err != nil {
		return fmt.Errorf("event %s on channel %s: %w", event, channel, err)
	}
	h.sendFrame(channel, frame)
	return nil
}

// sendFrame sends a frame to the sockets on a channel.
func (h *hub) sendFrame(channel string, text []byte) {
	h.mu.RLock()
	sockets := slices.Collect(maps.Keys(h.channels[channel]))
	h.mu.RUnlock()
	f := h.newFrame(text)
	defer f.release()
	for _, s := range sockets {
		s.sendEvent(f)
	}
}

// send sends an event whose data is already encoded to the sockets on its channel.
func (h *hub) send(e *event) {
	h.mu.RLock()
	on := len(h.channels[e.channel])
	h.mu.RUnlock()
	if on == 0 {
		return
	}
	if frame, err := eventFrame(h.codec, e.name, json.RawMessage(e.data)); err == nil { // the data is valid JSON
		h.sendFrame(e.channel, frame)
	}
}

// resetSockets tells the sockets on channels of these buckets that they may have missed events.
func (h *hub) resetSockets(buckets map[uint16]bool) {
	if len(buckets) == 0 {
		return
	}
	missed := map[*Socket]bool{}
	h.mu.RLock()
	for channel, sockets := range h.channels {
		if buckets[bucketOf(channel)] {
			for s := range sockets {
				missed[s] = true
			}
		}
	}
	h.mu.RUnlock()
	for s := range missed {
		if frame, err := eventFrame(h.codec, "reset", resetDelay{rand.N(maxReturn).Milliseconds()}); err == nil {
			s.sendOwn(frame)
		}
	}
}

func (h *hub) unicast(ctx context.Context, id, event string, data any) (bool, error) {
	topic := h.relay.elsewhere(id)
	if topic == "" {
		return h.unicastRaw(id, event, data)
	}
	what := func(err error) error { return fmt.Errorf("event %s to socket %s: %w", event, id, err) }
	text, err := encodeData(h.codec, data)
	if err != nil {
		return false, what(err)
	}
	sent := false
	if _, err = h.relay.ask(ctx, Message{Topic: topic, Event: askUnicast, Socket: id, Channel: event, Body: text}, &sent); err != nil {
		return false, what(err)
	}
	return sent, nil
}

// unicastRaw sends an event to a socket of this process.
func (h *hub) unicastRaw(id, event string, data any) (bool, error) {
	frame, err := eventFrame(h.codec, event, data)
	if err != nil {
		return false, fmt.Errorf("event %s to socket %s: %w", event, id, err)
	}
	h.mu.RLock()
	s := h.sockets[id]
	h.mu.RUnlock()
	return s != nil && s.sendOwn(frame), nil
}
