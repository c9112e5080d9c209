// Package headers converts between the headers of a message and the data that they carry for a
// call: Nameko's context data and call id stack. See docs/wire/nameko.md, Context data.
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
	prefix  = "nameko."       // of the headers that carry context data
	stackID = "call_id_stack" // with the prefix, the only one that is not context data
)

// GrantData is the name of a grant from a control panel, which says who may make a call. It looks
// like context data, but is not passed on: see docs/wire/grant.md.
const GrantData = "gomeko_grant"

// Request returns the call that a message requests, without its arguments. Headers without Nameko's
// prefix are context data too, under their own names, except for those that the broker and this
// module add to failed messages. A grant is not context data, because it is only valid for this
// call.
func Request(d *transport.Delivery) service.Request {
	data := map[string]any{} // it usually stays empty
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

// A header gives access to the headers of a delivery. It implements [service.Header].
type header transport.Delivery

// Get returns the header with this name or, if there is none, the one with Nameko's prefix. The
// former comes from the sender of the message, the latter was passed on from an earlier process.
func (h *header) Get(name string) string {
	text, ok := h.Headers[name].(string)
	if !ok {
		text, _ = h.Headers[prefix+name].(string)
	}
	return text
}

// ofFailure reports whether a header says that a message failed or was delivered before. Such a
// header is not passed on, because it says nothing about messages that result from this one.
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

// LogAttrs returns log attributes for the call id stack of a message that is not a call, in the
// format of [service.NewLogHandler].
func LogAttrs(d *transport.Delivery) (attrs []any) {
	if parents := Request(d).Parents; len(parents) > 0 {
		attrs = []any{"root_call_id", service.LoggedID(parents[0]), "parent_call_id", service.LoggedID(parents[len(parents)-1])}
	}
	return attrs
}

// ids reads a call id stack of any type. A string counts as one id; Nameko would take each of its
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
// the call. Outside of a call the stack only contains sender, the sender's id. If sender is "",
// there is no stack.
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
