package service_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// Visited is an entrypoint whose methods take a visit, which has the context, and may take nothing
// else.
type Visited struct{}

func (Visited) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("visit()", r.Params()...)
	if all, ok := service.Lookup[triggers](r.Host); ok {
		all[r.Name] = r
	}
	return &nop{}, err
}

type visit struct {
	ctx  context.Context
	seen *[]string
}

func (v *visit) Context() context.Context { return v.ctx }

// Host has rows that need what only entrypoints such as those of HTTP provide.
type Host struct {
	_ service.Name `service:"host"`

	Entrypoints struct {
		Bare   Visited
		Stream Visited
		Wait   Visited
	}

	Open *strings.Builder `inject:""`
}

func (*Host) Bare(v *visit) {
	*v.seen = append(*v.seen, service.FromContext(v.Context()).ID)
}

func (h *Host) Stream(context.Context) (io.Reader, error) {
	h.Open.WriteString("read by ")
	return strings.NewReader("text"), nil
}

func (*Host) Wait(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// A method may take only the leading parameters. They have the context of the call, whose id the
// entrypoint may choose.
func TestBareMethod(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, new(Host), noted(new([]string)))
	var seen []string
	late := func(ctx context.Context) any { return &visit{ctx, &seen} }
	result, err := all["Bare"].Run(t.Context(), service.Request{ID: "abc", Leading: []any{late}})
	if result != nil || err != nil || len(seen) != 1 || seen[0] != "host.visit.abc" {
		t.Errorf("got %v, %v, %q, want a call whose id is host.visit.abc", result, err, seen)
	}
}

// noted gives each call a builder, and records its contents and the error that it is closed with.
func noted(to *[]string) any {
	var mu sync.Mutex // a call that timed out may end at the same time as the next one
	return di.PerCall(func() di.Provider[*strings.Builder] {
		return func(context.Context) (*strings.Builder, di.Done, error) {
			b := new(strings.Builder)
			return b, func(err error) error {
				text := b.String()
				if err != nil {
					text += err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				*to = append(*to, text)
				return err
			}, nil
		}
	})
}

// Request.Result reads a stream while the values of the call are open, and the values are closed
// with its error.
func TestRead(t *testing.T) {
	t.Parallel()
	var ended []string
	_, all := start(t, service.Config{}, new(Host), noted(&ended))
	for _, failed := range []error{nil, errors.New("the reader")} {
		result, err := all["Stream"].Run(t.Context(), service.Request{Result: func(_ context.Context, result any) (any, error) {
			text, err := io.ReadAll(result.(io.Reader))
			if len(ended) > 0 {
				t.Error("the call's values were ended before its result was read")
			}
			return string(text), errors.Join(err, failed)
		}})
		if failed == nil && (result != "text" || err != nil) || failed != nil && !errors.Is(err, failed) {
			t.Errorf("got %v, %v", result, err)
		}
		want := "read by "
		if failed != nil {
			want += failed.Error()
		}
		if len(ended) != 1 || ended[0] != want {
			t.Errorf("got the ends %q, want %q", ended, want)
		}
		ended = nil
	}
}

// A call that its caller cancelled is logged as a warning.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	var log journal
	_, all := start(t, service.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, new(Host), noted(new([]string)))
	ctx, cancel := context.WithCancel(t.Context())
	cancelled := make(chan struct{})
	_, err := all["Wait"].Run(ctx, service.Request{Watcher: begun(func(context.Context) { close(cancelled); cancel() })})
	<-cancelled
	if !errors.Is(err, service.ErrTimeout) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if text := log.take(); !strings.Contains(text, "level=WARN") || strings.Contains(text, "level=ERROR") {
		t.Errorf("got the log %s, want a warning", text)
	}
}

// A call ends at the limit of its request, unless the limit is lifted.
func TestLimit(t *testing.T) {
	t.Parallel()
	_, all := start(t, service.Config{}, new(Host), noted(new([]string)))
	_, err := all["Wait"].Run(t.Context(), service.Request{Limit: time.Millisecond})
	if !errors.Is(err, service.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that its time was over", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	watcher := begun(func(ctx context.Context) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("got no deadline, want that of the limit")
		}
		service.Lift(ctx)
		if at, limited := ctx.Deadline(); limited {
			t.Errorf("got the deadline %s of a call whose limit was lifted", at)
		}
		cancel()
	})
	if _, err = all["Wait"].Run(ctx, service.Request{Limit: time.Hour, Watcher: watcher}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// begun is a Watcher.
type begun func(context.Context)

func (b begun) Began(ctx context.Context) error { b(ctx); return nil }
func (begun) Idle(bool)                         {}
