package shell

import (
	"context"
	"encoding/json"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/printable"
)

// watch implements watch("orders", "order_created"): the events of a service as they arrive, until
// Ctrl-C or until the loop over it ends. Without a type, it receives all of the service's events.
func (s *Shell) watch(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var service string
	pattern := "#"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "service_name", &service, "event_type?", &pattern); err != nil {
		return nil, err
	}
	ctx := thread.Local(lineKey).(context.Context)
	st := newStream(opaque(fmt.Sprintf("watch(%s, %s)", repr(starlark.String(service)), repr(starlark.String(pattern)))), ctx, thread)
	st.endless = true
	go func() {
		defer close(st.pieces)
		err := events.Listen(ctx, s.Conn, service, pattern, func(e events.Event, payload json.RawMessage) {
			_ = st.put(piece{json: payload, event: e.Type}) // fails if the line has ended
		})
		if err != nil {
			_ = st.put(piece{err: err})
		}
	}()
	return st, nil
}

// happened converts an event to the value that a loop over watch receives.
func happened(event string, payload starlark.Value) starlark.Value {
	d := starlark.NewDict(2)
	_ = d.SetKey(starlark.String("event"), starlark.String(event)) // the dict is not frozen
	_ = d.SetKey(starlark.String("data"), payload)
	return d
}

// line returns the text to print for a piece of a stream.
func (p piece) line(value starlark.Value) string {
	if p.event == "" {
		return repr(value)
	}
	return printable.Text(p.event) + " " + repr(value)
}
