package broker

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// A message is a published message. All queues that hold it share it; it is immutable.
type message struct {
	exchange string
	key      string
	copies   []string     // additional keys, from the headers CC and BCC
	content  []byte       // the properties, then the body
	split    int          // where the body begins
	held     atomic.Int32 // how many places hold it
}

func newMessage(exchange, key string, copies []string, p frame.Properties, body []byte) *message {
	return &message{
		exchange: exchange, key: key, copies: copies,
		content: append(append(make([]byte, 0, len(p)+len(body)), p...), body...), split: len(p),
	}
}

func (m *message) properties() frame.Properties { return frame.Properties(m.content[:m.split:m.split]) }
func (m *message) body() []byte                 { return m.content[m.split:] }

// size returns the size of the body, the number that limits count.
func (m *message) size() int { return len(m.content) - m.split }

// hold registers another place that holds the message. The first one counts the message's memory.
func (m *message) hold(a *alarm) {
	n := int64(placeMemory)
	if m.held.Add(1) == 1 {
		n += m.memory()
	}
	a.add(n)
}

// release undoes one hold. Any goroutine may call it.
func (m *message) release(a *alarm) {
	n := int64(placeMemory)
	if m.held.Add(-1) == 0 {
		n += m.memory()
	}
	a.add(-n)
}

// priority returns the priority of the message in a queue whose highest priority is most.
func (m *message) priority(most uint8) uint8 {
	p, _ := m.properties().Octet(frame.Priority)
	return min(p, most)
}

// copyKeys returns the routing keys in the headers CC and BCC.
func copyKeys(p frame.Properties) (keys []string, err error) {
	if !bytes.Contains(p.RawTable(), []byte("CC")) { // the usual case
		return nil, nil
	}
	headers := p.Table()
	for _, name := range []string{"CC", "BCC"} {
		value, present := headers.Get(name)
		list, isArray := value.([]any)
		if present && !isArray {
			return nil, exceptionf(codePreconditionFailed, "invalid message: {unacceptable_type_in_header,%q,%s}",
				name, typeName(value))
		}
		for _, key := range list {
			if key, ok := key.(string); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys, nil
}

// withoutBCC removes the header BCC, which consumers must not see.
func withoutBCC(p frame.Properties) frame.Properties {
	headers := p.Table()
	if _, present := headers.Get("BCC"); !present {
		return p
	}
	return p.WithTable(withoutField(headers, "BCC"))
}

// expiration returns the message's time to live from its property.
func expiration(p frame.Properties) (time.Duration, error) {
	s, ok := p.String(frame.Expiration)
	if !ok {
		return forever, nil
	}
	digits := len(s) - len(strings.TrimLeft(s, "+-")) // a sign
	digits += len(s[digits:]) - len(strings.TrimLeft(s[digits:], "0123456789"))
	ms, err := strconv.ParseInt(s[:digits], 10, 64)
	var ttl time.Duration
	var fault string
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		fault = "no_integer"
	case digits < len(s):
		fault = fmt.Sprintf("{leftover_string,%q}", s[digits:])
	case err != nil:
		fault = fmt.Sprintf("{value_too_large,%s}", s)
	default:
		ttl, fault = millis(ms)
	}
	if fault != "" {
		return 0, exceptionf(codePreconditionFailed, "invalid expiration '%s': %s", s, fault)
	}
	return ttl, nil
}
