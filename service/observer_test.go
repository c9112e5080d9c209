package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A witness is an observer that records what it is told about calls.
type witness struct {
	mu   sync.Mutex
	told []string
}

func (w *witness) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

// take returns what was recorded since the last time.
func (w *witness) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.told = nil }()
	return strings.Join(w.told, ", ")
}

func (w *witness) observer() service.Observer {
	return service.Observer{
		Bound: func(h *service.Host) {
			for _, r := range h.Rows() {
				w.note("%s %s.%s", r.Kind(), r.Service, r.CallName())
			}
		},
		CallBegan: func(ctx context.Context, c service.ObservedCall) context.Context {
			w.note("began %s", c.Method)
			c.TraceID = "t1"
			return context.WithValue(ctx, label("observed"), c.ID)
		},
		CallStarted: func(_ context.Context, c service.ObservedCall) { w.note("started after %s", c.Waited) },
		CallStuck:   func(_ context.Context, c service.ObservedCall) { w.note("stuck %s", c.Method) },
		CallEnded: func(ctx context.Context, c service.ObservedCall) {
			started := ""
			if !c.Started {
				started = "without a worker "
			}
			w.note("ended %s%s after %s and %s", started, c.Outcome, c.Waited, c.Duration)
			if ctx.Value(label("observed")) != c.ID || service.FromContext(ctx) != c.Call {
				w.note("with another context")
			}
		},
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	took := func(d time.Duration, err error) func(context.Context) (any, error) {
		return func(ctx context.Context) (any, error) {
			if ctx.Value(label("observed")) == nil {
				return nil, errors.New("the method has another context than the observer returned")
			}
			select {
			case <-time.After(d):
				return nil, err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	for _, tc := range []struct {
		name, method string
		do           func(context.Context) (any, error)
		limit        time.Duration // of the caller
		want         string
	}{
		{"success", "do", took(time.Second, nil), 0, "began do, started after 0s, ended ok after 0s and 1s"},
		{"expected error", "do", took(0, notFound{errors.New("no order")}), 0, "began do, started after 0s, ended expected after 0s and 0s"},
		{"fault", "do", took(time.Second, errors.New("no disk")), 0, "began do, started after 0s, ended fault after 0s and 1s"},
		{"panic", "do", func(context.Context) (any, error) { panic("no") }, 0, "began do, started after 0s, ended fault after 0s and 0s"},
		{"error that panics", "do", took(0, worse{}), 0, "began do, started after 0s, ended fault after 0s and 0s"},
		{"timeout of the row", "limited", took(time.Minute, nil), 0, "began limited, started after 0s, ended timeout after 0s and 5s"},
		{"caller gives up", "do", took(time.Minute, nil), time.Second, "began do, started after 0s, ended cancelled after 0s and 1s"},
		{"arguments do not fit", "count", nil, 0, "began count, started after 0s, ended rejected after 0s and 0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &witness{}
				all := triggers{}
				c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, &Work{Func: tc.do},
					service.Defaults(all), service.Configure(w.observer()))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := w.take(), "service_test work.do, service_test work.limited, service_test work.count"; got != want {
					t.Errorf("New told %s, want %s", got, want)
				}
				if err := c.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.limit > 0 {
					time.AfterFunc(tc.limit, cancel)
				}
				_, _ = all["work."+tc.method].Run(ctx, service.Request{})
				if got := w.take(); got != tc.want {
					t.Errorf("told %s\nwant %s", got, tc.want)
				}
				if err := c.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// worse is an error whose text panics.
type worse struct{}

func (worse) Error() string { panic("no text") }

func TestObserverOfCallsThatWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		_, all := start(t, service.Config{MaxWorkers: 1}, &Work{Func: func(context.Context) (any, error) {
			time.Sleep(10 * time.Second)
			return nil, nil
		}}, service.Configure(w.observer()))
		w.take()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = all.fire(t.Context(), "work.do") })
		synctest.Wait()
		wg.Go(func() { _, _ = all.fire(t.Context(), "work.count", 0) })
		wg.Go(func() {
			_, _ = all["work.do"].Run(t.Context(), service.Request{Limit: time.Second})
		})
		wg.Wait()
		got := w.take()
		for _, want := range []string{
			"ended without a worker timeout after 1s and 0s",
			"ended ok after 0s and 10s, started after 10s",
			"ended ok after 10s and 0s",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("told %s\nwant %s in it", got, want)
			}
		}
	})
}

func TestObserverOfStuckCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &witness{}
		_, all := start(t, service.Config{}, &Work{Func: func(context.Context) (any, error) {
			time.Sleep(time.Minute)
			return nil, nil
		}}, service.Configure(w.observer()))
		w.take()
		_, _ = all.fire(t.Context(), "work.limited")
		time.Sleep(time.Minute)
		if got, want := w.take(), "began limited, started after 0s, ended timeout after 0s and 5s, stuck limited"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// An observer that panics has no effect on calls or on the other observers.
func TestObserverPanics(t *testing.T) {
	t.Parallel()
	log, w := &journal{}, &witness{}
	rude := service.Observer{
		Bound:       func(*service.Host) { panic("Bound") },
		CallBegan:   func(context.Context, service.ObservedCall) context.Context { panic("CallBegan") },
		CallStarted: func(context.Context, service.ObservedCall) { panic("CallStarted") },
		CallEnded:   func(context.Context, service.ObservedCall) { panic("CallEnded") },
	}
	lazy := service.Observer{CallBegan: func(context.Context, service.ObservedCall) context.Context { return nil }}
	work := &Work{Func: func(context.Context) (any, error) { return 7, nil }}
	_, all := start(t, service.Config{Logger: log.logger()}, work, service.Configure(rude, lazy, w.observer()))
	w.take()
	for range 2 {
		if got, err := all.fire(t.Context(), "work.do"); got != 7 || err != nil {
			t.Errorf("got %v, %v, want 7", got, err)
		}
	}
	if got := w.take(); strings.Count(got, "ended ok") != 2 {
		t.Errorf("the next observer was told %s, want two calls", got)
	}
	text := log.take()
	for _, function := range []string{"Bound", "CallBegan", "CallStarted", "CallEnded"} {
		if n := strings.Count(text, "function="+function+" err="+function); n != 1 {
			t.Errorf("got %d lines for %s, want 1:\n%s", n, function, text)
		}
	}
	if !strings.Contains(text, "trace_id=t1") {
		t.Errorf("logged %s, want the trace id", text)
	}
}

// An extension can add an observer while its container is made, but not later.
func TestObserveInExtension(t *testing.T) {
	t.Parallel()
	w := &witness{}
	var host *service.Host
	extension := service.Extension(func(h *service.Host) error {
		host = h
		return h.Observe(w.observer())
	})
	_, all := start(t, service.Config{}, &Work{Func: func(context.Context) (any, error) { return nil, nil }}, service.Configure(extension))
	if _, err := all.fire(t.Context(), "work.do"); err != nil {
		t.Fatal(err)
	}
	if got := w.take(); !strings.Contains(got, "ended ok") {
		t.Errorf("told %s, want a call", got)
	}
	if err := host.Observe(service.Observer{}); err == nil || !strings.Contains(err.Error(), "after service.New has returned") {
		t.Errorf("got %v, want that New has returned", err)
	}
}

// What extensions report reaches the observers.
func TestObserversAreTold(t *testing.T) {
	t.Parallel()
	w := &witness{}
	o := service.Observer{
		CallBegan: func(ctx context.Context, c service.ObservedCall) context.Context {
			w.note("began %s", c.Header.Get("k"))
			return ctx
		},
		CallEnded: func(_ context.Context, c service.ObservedCall) { w.note("ended %s %s %v", c.Method, c.Outcome, c.Err) },
		SendBegan: func(ctx context.Context, m service.Message) context.Context {
			m.Headers["k"] = "v"
			return context.WithValue(ctx, label("sent"), "x")
		},
		SendEnded: func(ctx context.Context, m service.Message, took time.Duration, err error) {
			w.note("sent %s %v %v %s %v", m.Key, m.Headers, ctx.Value(label("sent")), took, err)
		},
		Retried:      func(_ context.Context, f service.Failure) { w.note("retried %s %d", f.Entry.Name, f.Attempt) },
		Parked:       func(_ context.Context, f service.Failure) { w.note("parked %s", f.Reason) },
		Dropped:      func(_ context.Context, f service.Failure) { w.note("dropped %s", f.Reason) },
		Connected:    func(c service.Connection) { w.note("connected %s", c.Name) },
		Disconnected: func(c service.Connection) { w.note("disconnected %s", c.Name) },
		SocketOpened: func(s service.ObservedSocket) { w.note("opened %s", s.ID) },
		SocketClosed: func(s service.ObservedSocket) { w.note("closed %s", s.ID) },
		TicksMissed:  func(r *service.Row, n int) { w.note("missed %s %d", r.Name, n) },
	}
	c, all := start(t, service.Config{}, new(Work), service.Configure(o))
	tell, row, ctx := c.Host().Observers(), all["work.count"], t.Context()
	m := service.Message{Key: "users.get", Headers: map[string]any{}}
	tell.SendEnded(tell.SendBegan(ctx, m), m, time.Second, nil)
	tell.Refused(ctx, row, header{"k": "h"}, errors.New("too large"))
	tell.Retried(ctx, service.Failure{Entry: row, Attempt: 2})
	tell.Parked(ctx, service.Failure{Reason: "attempts"})
	tell.Dropped(ctx, service.Failure{Reason: "unreadable"})
	tell.Connected(service.Connection{Name: "a"})
	tell.Disconnected(service.Connection{Name: "b"})
	tell.SocketOpened(service.ObservedSocket{ID: "c"})
	tell.SocketClosed(service.ObservedSocket{ID: "d"})
	tell.TicksMissed(row, 3)
	want := []string{
		"sent users.get map[k:v] x 1s <nil>", "began h", "ended count rejected too large", "retried Count 2", "parked attempts",
		"dropped unreadable", "connected a", "disconnected b", "opened c", "closed d", "missed Count 3",
	}
	if got := strings.Split(w.take(), ", "); !slices.Equal(got, want) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

type header map[string]string

func (h header) Get(name string) string { return h[name] }

// TestObserverAllocations checks that a call allocates the same with an observer as without.
func TestObserverAllocations(t *testing.T) {
	allocations := func(options ...any) float64 {
		_, all := start(t, service.Config{}, append([]any{new(Grid)}, options...)...)
		row, ctx := all["grid.none"], t.Context()
		return testing.AllocsPerRun(200, func() {
			if _, err := row.Run(ctx, service.Request{}); err != nil {
				t.Error(err)
			}
		})
	}
	var n [service.Outcomes]int
	counter := service.Observer{
		CallBegan:   func(ctx context.Context, _ service.ObservedCall) context.Context { return ctx },
		CallStarted: func(context.Context, service.ObservedCall) {},
		CallEnded:   func(_ context.Context, c service.ObservedCall) { n[c.Outcome]++ },
	}
	off, on := allocations(), allocations(service.Configure(counter))
	if on > off {
		t.Errorf("got %.0f allocations a call with an observer, want %.0f as without", on, off)
	}
	if n[service.OK] == 0 {
		t.Error("the observer was not told")
	}
}
