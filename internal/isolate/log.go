package isolate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A record is a log record on its way to the parent: the head of a logKind frame.
type record struct {
	Time    time.Time  `json:"time"`
	Level   slog.Level `json:"level"`
	Message string     `json:"message"`
	Attrs   []attr     `json:"attrs,omitempty"`
	InCall  bool       `json:"in_call,omitempty"` // logged with the context of the call
}

// An attr is an attribute of a record.
type attr struct {
	Key   string          `json:"k"`
	Kind  slog.Kind       `json:"t"`
	Text  string          `json:"s,omitempty"` // for strings and errors
	Int   int64           `json:"i,omitempty"` // for integers and durations
	Uint  uint64          `json:"u,omitempty"`
	Float json.Number     `json:"f,omitempty"`
	Bool  bool            `json:"b,omitempty"`
	Time  time.Time       `json:"at,omitzero"`
	Group []attr          `json:"g,omitempty"`
	Error bool            `json:"e,omitempty"`
	Any   json.RawMessage `json:"a,omitempty"`
}

// attrOf converts an attribute for sending.
func attrOf(a slog.Attr) attr {
	v := a.Value.Resolve()
	is := attr{Key: a.Key, Kind: v.Kind()}
	switch v.Kind() {
	case slog.KindString:
		is.Text = v.String()
	case slog.KindInt64:
		is.Int = v.Int64()
	case slog.KindUint64:
		is.Uint = v.Uint64()
	case slog.KindFloat64: // JSON has no NaN
		is.Kind, is.Text = slog.KindString, fmt.Sprint(v.Float64())
		if text, err := json.Marshal(v.Float64()); err == nil {
			is.Kind, is.Float = slog.KindFloat64, json.Number(text)
		}
	case slog.KindBool:
		is.Bool = v.Bool()
	case slog.KindDuration:
		is.Int = int64(v.Duration())
	case slog.KindTime:
		is.Time = v.Time()
	case slog.KindGroup:
		for _, member := range v.Group() {
			is.Group = append(is.Group, attrOf(member))
		}
	default:
		is.setAny(v.Any())
	}
	return is
}

// setAny sets the value to JSON, or to its text if it cannot be encoded as JSON or has methods for
// text.
func (a *attr) setAny(v any) {
	switch v := v.(type) {
	case error:
		a.Text, a.Error = v.Error(), true
		return
	case fmt.Stringer:
		a.Kind, a.Text = slog.KindString, v.String()
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		a.Kind, a.Text = slog.KindString, fmt.Sprintf("%+v", v)
		return
	}
	a.Any = text
}

// attr returns the attribute that was sent.
func (a *attr) attr() slog.Attr {
	switch a.Kind {
	case slog.KindInt64:
		return slog.Int64(a.Key, a.Int)
	case slog.KindUint64:
		return slog.Uint64(a.Key, a.Uint)
	case slog.KindFloat64:
		f, _ := a.Float.Float64()
		return slog.Float64(a.Key, f)
	case slog.KindBool:
		return slog.Bool(a.Key, a.Bool)
	case slog.KindDuration:
		return slog.Duration(a.Key, time.Duration(a.Int))
	case slog.KindTime:
		return slog.Time(a.Key, a.Time)
	case slog.KindGroup:
		members := make([]slog.Attr, len(a.Group))
		for i := range a.Group {
			members[i] = a.Group[i].attr()
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(members...)}
	}
	switch {
	case a.Error:
		return slog.Any(a.Key, errors.New(a.Text))
	case len(a.Any) > 0:
		var v any
		_ = json.Unmarshal(a.Any, &v) // it is valid, because the whole frame was
		return slog.Any(a.Key, v)
	}
	return slog.String(a.Key, a.Text)
}

// log logs the record in this process.
func (r *record) log(ctx context.Context, h slog.Handler) {
	if !h.Enabled(ctx, r.Level) {
		return
	}
	line := slog.NewRecord(r.Time, r.Level, r.Message, 0)
	for i := range r.Attrs {
		line.AddAttrs(r.Attrs[i].attr())
	}
	_ = h.Handle(ctx, line) // errors are ignored, as in package slog
}

// A handler is the slog.Handler of a child. It sends records to the parent.
type handler struct {
	level *atomic.Int64 // the lowest level that the parent logs
	send  func(record)
	scope []scope
}

// A scope is a group or attributes that WithGroup or WithAttrs added. A handler has them in order.
type scope struct {
	group string
	attrs []attr
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	return int64(level) >= h.level.Load()
}

func (h *handler) Handle(ctx context.Context, line slog.Record) error {
	var attrs []attr
	line.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, attrOf(a))
		return true
	})
	for i := len(h.scope) - 1; i >= 0; i-- {
		s := h.scope[i]
		if s.group == "" {
			attrs = append(s.attrs[:len(s.attrs):len(s.attrs)], attrs...)
		} else if len(attrs) > 0 {
			attrs = []attr{{Key: s.group, Kind: slog.KindGroup, Group: attrs}}
		}
	}
	h.send(record{line.Time, line.Level, line.Message, attrs, service.FromContext(ctx) != nil})
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	s := scope{}
	for _, a := range attrs {
		s.attrs = append(s.attrs, attrOf(a))
	}
	return h.with(s)
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(scope{group: name})
}

func (h *handler) with(s scope) slog.Handler {
	return &handler{h.level, h.send, append(h.scope[:len(h.scope):len(h.scope)], s)}
}

// levelOf returns the lowest level that a logger logs.
func levelOf(ctx context.Context, l *slog.Logger) slog.Level {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if l.Enabled(ctx, level) {
			return level
		}
	}
	return slog.LevelError
}
