package web

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/service"
)

// Formats in which the items of a result are sent one by one.
const (
	linesType  = "application/x-ndjson"
	eventsType = "text/event-stream"
)

// itemsFormat returns the format in which a client wants the items of a result: the first known one
// in its Accept header, or "" for a list.
func itemsFormat(accept []string) string {
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case linesType, "application/jsonl", "application/jsonlines":
				return linesType
			case eventsType:
				return eventsType
			case "application/json", "application/*", "*/*":
				return ""
			}
		}
	}
	return ""
}

// sendItems sends each item when the method yields it, as fast as the client reads. A client that
// did not ask for one of the formats gets a list.
func (c *routeCall) sendItems(ctx context.Context, result any) (any, error) {
	format := itemsFormat(c.r.Header.Values("Accept"))
	c.writer.Header().Add("Vary", "Accept")
	if format == "" {
		return c.listItems(ctx, result)
	}
	service.Lift(ctx)
	c.writer.Header().Set("Content-Type", format)
	c.writer.Header().Set("X-Accel-Buffering", "no") // tells proxies not to buffer
	if c.r.Method == http.MethodHead {
		c.writer.WriteHeader(http.StatusOK)
		return streamed{}, nil
	}
	count := 0
	err := sequence.Each(result, func(item reflect.Value) error {
		data, err := c.server.cfg.Codec.Encode(item.Interface())
		if err != nil {
			return fmt.Errorf("item %d: %w", count, err)
		}
		defer service.StopClock(ctx)()
		count++
		return c.sendItem(format, "", data)
	})
	if format == eventsType {
		switch {
		case err == nil: // without this event, a browser would reconnect when the response ends
			err = c.sendItem(format, "end", fmt.Appendf(nil, `{"count":%d}`, count))
		case count > 0 && ctx.Err() == nil:
			e := newError(err, c.row.CallID(c.id))
			if data, cannot := codec.BrowserJSON.Encode(map[string]string{"type": e.Type, "message": e.Message}); cannot == nil {
				_ = c.sendItem(format, "error", data) // on an error the client has disconnected
			}
		}
	}
	if err == nil && count == 0 {
		c.writer.WriteHeader(http.StatusOK)
	}
	return streamed{}, err
}

// sendItem sends an item, or another event that has a name.
func (c *routeCall) sendItem(format, name string, data []byte) error {
	part := append(data, '\n')
	if format == eventsType {
		e := event{name: name, data: data}
		part = append(e.stream(), '\n')
	}
	if _, err := c.writer.Write(part); err != nil {
		return err
	}
	return c.writer.FlushError()
}

// listItems returns the items as a list, which may take up to half of [Config].MaxInFlight.
func (c *routeCall) listItems(ctx context.Context, result any) (any, error) {
	items, size, limit := []any{}, int64(0), c.server.memory.limit/2
	err := sequence.Each(result, func(item reflect.Value) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		value, n, err := codec.Freeze(c.server.cfg.Codec, item.Interface())
		if err != nil {
			return err
		}
		if size += int64(n); limit > 0 && size > limit {
			return &Error{Status: http.StatusNotAcceptable, Message: fmt.Sprintf(
				"the result takes more than the %d bytes of a list: accept %s or %s", limit, linesType, eventsType)}
		}
		items = append(items, value)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}
