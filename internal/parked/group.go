package parked

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
)

// A Group consists of the messages of a queue that failed in the same way.
type Group struct {
	Queue string    `json:"queue"`
	Error string    `json:"error"` // [Message.Kind]: # replaces numbers
	Count int       `json:"count"`
	First time.Time `json:"first,omitzero"` // when one of them first failed
	Last  time.Time `json:"last,omitzero"`  // when one of them last failed
}

// Groups groups messages by Kind. It returns the largest group first.
func Groups(messages []*Message) []Group {
	byKind := map[string]*Group{}
	for _, m := range messages {
		kind := m.Kind()
		g := byKind[kind]
		if g == nil {
			g = &Group{Queue: m.Queue, Error: kind}
			byKind[kind] = g
		}
		g.Count++
		if !m.First.IsZero() && (g.First.IsZero() || m.First.Before(g.First)) {
			g.First = m.First.UTC()
		}
		if m.Last.After(g.Last) {
			g.Last = m.Last.UTC()
		}
	}
	groups := make([]Group, 0, len(byKind))
	for _, g := range byKind {
		groups = append(groups, *g)
	}
	slices.SortFunc(groups, func(a, b Group) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Error, b.Error)) })
	return groups
}

// Queues returns, sorted, the queues that may have parked messages, given the names of all queues.
func Queues(names []string) []string {
	queues := map[string]bool{}
	for _, name := range names {
		if queue, ok := deadletter.OfDead(name); ok {
			queues[queue] = true
		} else if !strings.HasPrefix(name, deadletter.Prefix) {
			queues[name] = true
		}
	}
	return slices.Sorted(maps.Keys(queues))
}
