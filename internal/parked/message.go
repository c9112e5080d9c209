package parked

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/transport"
)

// A Message is a parked message.
type Message struct {
	// If Foreign is set, Original is empty except for its Queue and its ID.
	deadletter.Original

	// Foreign says that the message was not parked by a process, but published to the dead queue by
	// somebody else. Its ID is derived from its content.
	Foreign bool

	delivery *transport.Delivery
}

// read returns the message in a delivery from the dead queue of a queue.
func read(d *transport.Delivery, queue string) *Message {
	m := &Message{delivery: d}
	var ok bool
	if m.Original, ok = deadletter.ReadOriginal(d.Headers); !ok || m.ID == "" {
		sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %q", d.MessageID, d.CorrelationID, d.Timestamp.Unix(), d.Body))
		m.Original, m.Foreign = deadletter.Original{ID: "x" + hex.EncodeToString(sum[:8])}, true
	}
	m.Queue = queue // never from a header, which could redirect the message
	return m
}

// size returns roughly how many bytes of memory the message takes.
func (m *Message) size() int {
	headers, _ := transport.TableSize(m.delivery.Headers)
	return len(m.delivery.Body) + headers + 512
}

// Failure returns why the message failed, in the form in which logs show an error: "*pq.Error: no
// table". It omits the error's text if the message is sensitive, and masks what looks like a secret
// in it.
func (m *Message) Failure() string {
	switch {
	case m.Foreign:
		return "(not parked by a service)"
	case m.Sensitive, m.Error == "":
		return cmp.Or(m.ErrorType, "-")
	case m.ErrorType == "":
		return secret.Mask(m.Error)
	case strings.HasPrefix(m.Error, m.ErrorType+": "): // an expected error's text begins with the type
		return secret.Mask(m.Error)
	}
	return secret.Mask(m.ErrorType + ": " + m.Error)
}

// varying matches the parts of errors that differ between messages that failed in the same way:
// UUIDs and numbers.
var varying = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|0x[0-9a-fA-F]+|[0-9]+`)

// Kind returns the first line of Failure, with # in place of numbers. Messages that failed in the
// same way have the same Kind.
func (m *Message) Kind() string {
	line, _, _ := strings.Cut(m.Failure(), "\n")
	return varying.ReplaceAllString(line, "#")
}

// A Selection selects messages. A message must satisfy all fields that are set; the zero Selection
// selects every message.
type Selection struct {
	IDs   []string  // the message has one of these IDs; prefixes suffice
	Error string    // Failure or Kind contains this text, ignoring case
	Kind  string    // the message has this Kind
	Since time.Time // it last failed at this time or later
}

// has reports whether the message is selected, ignoring the IDs.
func (s Selection) has(m *Message) bool {
	if s.Kind != "" && m.Kind() != s.Kind {
		return false
	}
	text := strings.ToLower(s.Error)
	if !strings.Contains(strings.ToLower(m.Failure()), text) && !strings.Contains(strings.ToLower(m.Kind()), text) {
		return false
	}
	return s.Since.IsZero() || !m.Last.Before(s.Since)
}

// Pick returns the selected messages, in their order. It returns an error if an ID is a prefix of
// none of their IDs, or of several.
func (s Selection) Pick(messages []*Message) ([]*Message, error) {
	var picked []*Message
	for _, m := range messages {
		if s.has(m) {
			picked = append(picked, m)
		}
	}
	if len(s.IDs) == 0 {
		return picked, nil
	}
	meant := map[string]bool{}
	for _, id := range s.IDs {
		full, err := complete(id, picked)
		if err != nil {
			return nil, err
		}
		meant[full] = true
	}
	return slices.DeleteFunc(picked, func(m *Message) bool { return !meant[m.ID] }), nil
}

// complete returns the ID of the message whose ID begins with id.
func complete(id string, messages []*Message) (full string, err error) {
	for _, m := range messages {
		switch {
		case m.ID == id:
			return id, nil
		case !strings.HasPrefix(m.ID, id), m.ID == full:
		case full != "":
			return "", fmt.Errorf("id %s: several messages have an id that begins so: write more of it", id)
		default:
			full = m.ID
		}
	}
	if full == "" {
		return "", fmt.Errorf("id %s: %w", id, ErrUnknownID)
	}
	return full, nil
}

// ErrUnknownID is the error for an ID that no message has.
var ErrUnknownID = errors.New("no parked message has an id that begins so: gomeko dead ls lists them")
