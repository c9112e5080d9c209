package rpc

import (
	"fmt"
	"iter"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

const (
	prefix  = "nameko."       // of headers that carry context data
	stackID = "call_id_stack" // the one among them that is no data
)

// callOf returns the call that a request asks for, with the context data that it carries. Headers of others are
// data too, under their own name, as Nameko has it (SPEC §3).
func callOf(d *transport.Delivery) *service.Call {
	data := make(map[string]any, len(d.Headers))
	for name, value := range d.Headers {
		key, ours := strings.CutPrefix(name, prefix)
		if _, taken := data[key]; ours || !taken {
			data[key] = value
		}
	}
	parents := ids(data[stackID])
	delete(data, stackID)
	return &service.Call{Parents: parents, Data: data, Redelivered: d.Redelivered, Attempt: 1}
}

// ids reads a call id stack of whatever type. A string is one id: Nameko would take each of its characters for one.
func ids(stack any) []string {
	switch stack := stack.(type) {
	case []any:
		ids := make([]string, len(stack))
		for i, id := range stack {
			ids[i] = fmt.Sprint(id)
		}
		return ids
	case string:
		return []string{stack}
	}
	return nil
}

// headersOf returns the headers of what a call sends: its id stack and its data.
func headersOf(stack []string, data iter.Seq2[string, any]) transport.Table {
	headers := transport.Table{}
	for key, value := range data {
		headers[prefix+key] = value
	}
	ids := make([]any, len(stack))
	for i, id := range stack {
		ids[i] = id
	}
	headers[prefix+stackID] = ids
	return headers
}
