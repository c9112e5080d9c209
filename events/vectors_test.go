package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/frame"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// These are the captured services that listen. Their handlers have the same names and do the same
// as those in Python.
type (
	VecPool struct {
		_ service.Name `service:"vec_pool"`

		Entrypoints struct {
			OnPool       events.Handler `events:"vec_source.pool_evt" method:"Hear" name:"on_pool"`
			OnUnreliable events.Handler `events:"vec_source.unreliable_evt" method:"Hear" name:"on_unreliable" reliable:"false"`
			OnWild       events.Handler `events:"vec_source wild.*" method:"Hear" name:"on_wild"`
			OnRequeue    events.Handler `events:"vec_source.requeue_evt" method:"FailTwice" name:"on_requeue" requeue:"true"`
			OnFail       events.Handler `events:"vec_source.fail_evt" method:"Fail" name:"on_fail"`
		}

		*listener
	}
	VecSingleton struct {
		_ service.Name `service:"vec_singleton"`

		Entrypoints struct {
			OnSingleton           events.Handler `events:"vec_source.singleton_evt" delivery:"singleton" method:"Hear"`
			OnSingletonUnreliable events.Handler `events:"vec_source.singleton_unreliable_evt" delivery:"singleton" method:"Hear" reliable:"false"`
		}

		*listener
	}
	VecBroadcast struct {
		_ service.Name `service:"vec_broadcast"`

		Entrypoints struct {
			OnBroadcast      events.Handler `events:"vec_source.broadcast_evt" delivery:"broadcast" method:"Hear" name:"on_broadcast" reliable:"false"`
			OnBroadcastFixed events.Handler `events:"vec_source.broadcast_fixed_evt" delivery:"broadcast" method:"Hear" name:"on_broadcast_fixed"`
		}

		*listener
	}
)

// fixed is the identity that the captured service had.
var fixed = events.Config{Identity: "node-1"}

// A listener is the common part of these services.
type listener struct {
	calls chan delivered
	tries atomic.Int32
}

// delivered is a delivery as a vector records it.
type delivered struct {
	To          string `json:"to"`
	Redelivered bool   `json:"redelivered"`
	Key         string `json:"routing_key"`
}

func (l *listener) Hear(ctx context.Context, e events.Event, _ any) error {
	call := service.FromContext(ctx)
	l.calls <- delivered{strings.TrimPrefix(call.Service, "vec_"), call.Redelivered, e.Type}
	return nil
}

func (l *listener) Fail(ctx context.Context, e events.Event, _ any) error {
	_ = l.Hear(ctx, e, nil)
	return errors.New("no luck")
}

func (l *listener) FailTwice(ctx context.Context, e events.Event, _ any) error {
	if _ = l.Hear(ctx, e, nil); l.tries.Add(1) <= 2 {
		return errors.New("again")
	}
	return nil
}

// A vector also has deliveries, and how they were settled.
type vector struct {
	brokertest.Vector
	Deliveries []delivered `json:"deliveries"`
	Acks       []struct {
		Method  string `json:"method"`
		Requeue bool   `json:"requeue"`
	} `json:"acks"`
}

// replayEvents dispatches the captured events: they are equal to Nameko's, reach the same handlers,
// and are settled in the same way.
func replayEvents(t *testing.T, uri string, found golden.Outcomes) {
	l := &listener{calls: make(chan delivered, 10)}
	source := start(t, uri, events.Config{}, &Source{})
	handlers := start(t, uri, fixed, &VecPool{listener: l}, &VecSingleton{listener: l}, &VecBroadcast{listener: l})
	emit := caller(t, uri).Client("vec_source")
	settled := 0
	for _, v := range brokertest.VectorsOf[vector](t, "events") {
		want, tap := v.Messages[0], &source.tap
		if want.Key == "vec_source.emit" {
			var args struct {
				Args []json.RawMessage `json:"args"`
			}
			if err := json.Unmarshal([]byte(want.Body), &args); err != nil {
				t.Fatal(err)
			}
			if err := emit.Call(withData(t, want), "emit", nil, args.Args[0], args.Args[1]); err != nil {
				t.Fatal(err)
			}
			want = v.Messages[1]
		} else {
			tap = new(brokertest.Tap)
			name, _ := strings.CutSuffix(want.Exchange, ".events")
			err := events.NewDispatcher(dialThrough(t, uri, tap), name)(t.Context(), want.Key, json.RawMessage(want.Body))
			if (err != nil) != (v.Exception != nil) {
				t.Errorf("%s: got %v, Python's was %v", v.Name, err, v.Exception)
			}
			if declared := tap.Declared(t); len(declared) > 0 {
				t.Errorf("%s: got %v declared, want nothing", v.Name, declared)
			}
		}
		found.Note(v.Name, lastEvent(t, tap).Difference(want))
		for _, want := range v.Deliveries {
			if got := hosttest.Receive(t, v.Name, l.calls); got != want {
				found.Note(v.Name, fmt.Sprintf("delivered: got %+v, want %+v", got, want))
			}
		}
		for _, want := range v.Acks {
			if got, want := settlement(t, handlers, settled), fmt.Sprint(want.Method, " ", want.Requeue); got != want {
				found.Note(v.Name, fmt.Sprintf("settled: got %s, want %s", got, want))
			}
			settled++
		}
	}
}

// withData returns a ctx with the context data that a captured request had.
func withData(t *testing.T, request brokertest.Message) context.Context {
	ctx := t.Context()
	for name, value := range request.Headers() {
		if key := strings.TrimPrefix(name, "nameko."); key != "call_id_stack" {
			ctx = service.Key[any](key).With(ctx, value)
		}
	}
	return ctx
}

// lastEvent returns the most recently dispatched event.
func lastEvent(t *testing.T, tap *brokertest.Tap) (event brokertest.Published) {
	t.Helper()
	for _, m := range tap.Published(t) {
		if strings.HasSuffix(m.Exchange, ".events") {
			event = m
		}
	}
	return event
}

// settlement waits for the nth acknowledgement or rejection that p sends, and returns it.
func settlement(t *testing.T, p *process, n int) string {
	t.Helper()
	var all []string
	hosttest.Eventually(t, fmt.Sprint("settlement ", n+1), func() bool {
		all = settlements(t, p)
		return len(all) > n
	})
	return all[n]
}

func settlements(t *testing.T, p *process) (all []string) {
	t.Helper()
	for _, m := range p.tap.Sent(t) {
		switch m := m.(type) {
		case *frame.BasicAck:
			all = append(all, "basic.ack false")
		case *frame.BasicReject:
			all = append(all, fmt.Sprint("basic.reject ", m.Requeue))
		case *frame.BasicNack:
			all = append(all, fmt.Sprint("basic.nack ", m.Requeue))
		}
	}
	return all
}
