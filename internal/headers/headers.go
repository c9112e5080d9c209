// Package headers converts between the headers of a message and what they carry for a call:
// Nameko's context data and call id stack. See docs/wire/nameko.md, Context data.
package headers

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

const (
	prefix  = "nameko."       // of headers that carry context data
	stackID = "call_id_stack" // the one with the prefix that is not data
)

// GrantData is the name of a grant of a control panel, which says who may make a call. It looks
// like context data, but is not passed on: see docs/wire/grant.md.
const GrantData = "gomeko_grant"

// Request returns the call that a message asks for, without its arguments. Headers without Nameko's
// prefix are context data too, under their own name, except for what the broker and this module
// have added on the way of a message that failed. A grant is not context data: it counts for this
// call only.
func Request(d *transport.Delivery) service.Request {
	data := map[string]any{} // mostly it stays empty
	var permit string
	for name, value := range d.Headers {
		if name == prefix+stackID || ofFailure(name) {
			continue
		}
		key, ours := strings.CutPrefix(name, prefix)
		if key == GrantData {
			if text, ok := value.(string); ok && (ours || permit == "") {
				permit = text
			}
			continue
		}
		if _, taken := data[key]; ours || !taken {
			data[key] = value
		}
	}
	stack, ours := d.Headers[prefix+stackID]
	if !ours {
		stack = data[stackID]
	}
	delete(data, stackID)
	return service.Request{Parents: ids(stack), Data: data, Grant: permit, Redelivered: d.Redelivered, Header: (*header)(d)}
}

// A header has the headers of a delivery. It implements [service.Header].
type header transport.Delivery

// Get returns a header by its own name, or else by the one with which Nameko passes it on. The
// first is of the process that has sent the message, the second of one before it.
func (h *header) Get(name string) string {
	text, ok := h.Headers[name].(string)
	if !ok {
		text, _ = h.Headers[prefix+name].(string)
	}
	return text
}

// ofFailure reports whether a header says that a message has failed, or was delivered, before. It
// is not passed on: it says nothing about the messages that follow from this one.
func ofFailure(name string) bool {
	switch {
	case strings.HasPrefix(name, "x-"):
		return name == "x-death" || name == "x-delivery-count" || name == "x-acquired-count" ||
			strings.HasPrefix(name, "x-first-death-") || strings.HasPrefix(name, "x-last-death-")
	case strings.HasPrefix(name, deadletter.Prefix):
		return name == deadletter.RetryHeader || name == deadletter.OriginalHeader
	}
	return false
}

// LogAttrs returns what a log line about a message has of its call id stack, for one that is not a
// call: as [service.NewLogHandler] writes it.
func LogAttrs(d *transport.Delivery) (attrs []any) {
	if parents := Request(d).Parents; len(parents) > 0 {
		attrs = []any{"root_call_id", service.LoggedID(parents[0]), "parent_call_id", service.LoggedID(parents[len(parents)-1])}
	}
	return attrs
}

// ids reads a call id stack of any type. A string is one id; Nameko would take each of its
// characters for one.
func ids(stack any) []string {
	switch stack := stack.(type) {
	case []any:
		ids := make([]string, len(stack))
		for i, id := range stack {
			if text, ok := id.(string); ok {
				ids[i] = text
			} else {
				ids[i] = fmt.Sprint(id)
			}
		}
		return ids
	case string:
		return []string{stack}
	}
	return nil
}

// Of returns the headers of a message that is sent with ctx: the context data, and the id stack of
// the call. Outside of a call the stack holds only sender, the sender's id; if that is "", there is
// no stack.
func Of(ctx context.Context, sender string) transport.Table {
	headers := transport.Table{}
	for key, value := range service.Data(ctx) {
		headers[prefix+key] = value
	}
	stack := []string{sender}
	if call := service.FromContext(ctx); call != nil {
		stack = call.Stack()
	} else if sender == "" {
		return headers
	}
	ids := make([]any, len(stack))
	for i, id := range stack {
		ids[i] = id
	}
	headers[prefix+stackID] = ids
	return headers
}
