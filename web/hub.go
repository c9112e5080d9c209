package web

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// A Hub reaches the sockets of its process, from any method of a service: an RPC, an event handler, a route. It is a
// field of the service; in a test it is a literal with the funcs that the method calls.
//
// Sockets are known by [Socket].ID. What is told to many is told on a channel, which is there as soon as it is named.
// Several goroutines may use a Hub, and none of its funcs waits for a socket: see [Sockets] for the slow ones.
type Hub struct {
	// Subscribe has a socket told what is broadcast on a channel. The error is [ErrConnectionNotFound] if there is no
	// such socket.
	Subscribe func(socketID, channel string) error

	// Unsubscribe ends that. To leave a channel twice, or one that the socket is not on, is no error.
	Unsubscribe func(socketID, channel string)

	// Subscriptions returns the channels of a socket, sorted; none if there is no such socket.
	Subscriptions func(socketID string) []string

	// Broadcast tells all sockets on a channel of an event. The error is that data cannot be written as JSON.
	Broadcast func(ctx context.Context, channel, event string, data any) error

	// Unicast tells one socket of an event, and returns false if there is no such socket, or no longer.
	Unicast func(ctx context.Context, socketID, event string, data any) (bool, error)
}

// ErrConnectionNotFound says that there is no socket of that ID, or no longer; the errors that methods of a [Hub]
// return have the ID.
var ErrConnectionNotFound = rpc.NewError("nameko.exceptions.ConnectionNotFound", "connection not found")

// Dependency makes the Hub of a field: it implements [service.DependencyType].
func (Hub) Dependency(f *service.Field) (any, error) {
	all, err := service.Shared(f.Host, newSwitchboard)
	if err := errors.Join(f.Keys(), err); err != nil {
		return nil, err
	}
	if h, ok := f.Value().(Hub); ok && h.set() { // a test's own
		return h, nil
	}
	return Hub{all.subscribe, all.unsubscribe, all.subscriptions, all.broadcast, all.unicast}, nil
}

// set reports whether a Hub has a func.
func (h Hub) set() bool {
	return h.Subscribe != nil || h.Unsubscribe != nil || h.Subscriptions != nil || h.Broadcast != nil || h.Unicast != nil
}

func (b *switchboard) subscribe(id, channel string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sockets[id]
	if s == nil {
		return rpc.NewError(ErrConnectionNotFound.Path, id)
	}
	if b.channels[channel] == nil {
		b.channels[channel] = make(map[*Socket]struct{})
	}
	b.channels[channel][s] = struct{}{}
	if s.channels == nil {
		s.channels = make(map[string]struct{})
	}
	s.channels[channel] = struct{}{}
	return nil
}

func (b *switchboard) unsubscribe(id, channel string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sockets[id]; s != nil {
		b.leave(s, channel)
	}
}

// leave takes s off a channel, which is gone with its last socket. It is called with mu held.
func (b *switchboard) leave(s *Socket, channel string) {
	delete(s.channels, channel)
	delete(b.channels[channel], s)
	if len(b.channels[channel]) == 0 {
		delete(b.channels, channel)
	}
}

func (b *switchboard) subscriptions(id string) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	channels := []string{}
	if s := b.sockets[id]; s != nil {
		for channel := range s.channels {
			channels = append(channels, channel)
		}
	}
	slices.Sort(channels)
	return channels
}

func (b *switchboard) broadcast(_ context.Context, channel, event string, data any) error {
	frame, err := eventFrame(event, data)
	if err != nil {
		return fmt.Errorf("event %s on channel %s: %w", event, channel, err)
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for s := range b.channels[channel] {
		s.tell(frame)
	}
	return nil
}

func (b *switchboard) unicast(_ context.Context, id, event string, data any) (bool, error) {
	frame, err := eventFrame(event, data)
	if err != nil {
		return false, fmt.Errorf("event %s to socket %s: %w", event, id, err)
	}
	b.mu.RLock()
	s := b.sockets[id]
	b.mu.RUnlock()
	return s != nil && s.tell(frame), nil
}
