package messaging

import (
	"context"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

const (
	prefix  = "nameko."       // of headers that carry context data
	stackID = "call_id_stack" // the one among them that is no data
)

// RequestOf returns the call that a message asks for, with the context data that it carries. Headers without
// Nameko's prefix are context data too, under their own name: see docs/wire/nameko.md, Context data.
func RequestOf(d *transport.Delivery) service.Request {
	data := map[string]any{} // mostly it stays empty
	for name, value := range d.Headers {
		if name == prefix+stackID {
			continue
		}
		key, ours := strings.CutPrefix(name, prefix)
		if _, taken := data[key]; ours || !taken {
			data[key] = value
		}
	}
	stack, ours := d.Headers[prefix+stackID]
	if !ours {
		stack = data[stackID]
	}
	delete(data, stackID)
	return service.Request{Parents: ids(stack), Data: data, Redelivered: d.Redelivered}
}

// HeadersOf returns the headers of what is sent with ctx: its context data, and the id stack of its call. Outside of a call
// the stack is root alone, the id of who sends; with "" there is none.
func HeadersOf(ctx context.Context, root string) transport.Table {
	headers := transport.Table{}
	for key, value := range service.Data(ctx) {
		headers[prefix+key] = value
	}
	stack := []string{root}
	if call := service.FromContext(ctx); call != nil {
		stack = call.Stack()
	} else if root == "" {
		return headers
	}
	ids := make([]any, len(stack))
	for i, id := range stack {
		ids[i] = id
	}
	headers[prefix+stackID] = ids
	return headers
}

// ids reads a call id stack of whatever type. A string is one id: Nameko would take each of its characters for one.
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
