package rpc_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// A sale is a transaction: a value of a call.
type sale struct {
	open  atomic.Bool
	ended error // the error that it was ended with
}

var (
	errCommit = rpc.NewError("kiosk.Commit", "cannot commit")
	errAgain  = errors.New("again")
)

// Kiosk yields numbers within a sale.
type Kiosk struct {
	_ service.Name `service:"kiosk"`

	Entrypoints struct {
		List  rpc.Method `rpc:"list(n, fail=False)"`
		Again rpc.Method `rpc:"again(n)" retry:"1ms 1ms"`
	}

	Sale *sale `inject:""`

	Runs *atomic.Int64 // of Again
}

func (s *Kiosk) List(_ context.Context, n int, fail bool) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !s.Sale.open.Load() {
				yield(0, errors.New("the sale is closed"))
				return
			}
			if !yield(i, nil) {
				return
			}
		}
		if fail {
			yield(0, errSpoiled)
		}
	}, nil
}

// Again fails twice before the first item, and once after item n.
func (s *Kiosk) Again(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		if s.Runs.Add(1) < 3 {
			yield(0, errAgain)
			return
		}
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		yield(0, errAgain)
	}, nil
}

// Values injected for a call live until its last item. They are closed before the stream ends, so a
// commit that fails is the error of the stream.
func TestStreamTransaction(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var commit error
		sales := make(chan *sale, 1)
		inSale := func() di.Provider[*sale] {
			return func(context.Context) (*sale, di.Done, error) {
				s := new(sale)
				s.open.Store(true)
				return s, func(err error) error {
					s.open.Store(false)
					s.ended = err
					sales <- s
					return errors.Join(err, commit)
				}, nil
			}
		}
		kiosk := &Kiosk{Runs: new(atomic.Int64)}
		start(t, uri, fx.Module("kiosk", service.Provide(kiosk), di.PerCall(inSale)))
		client := dial(t, uri, rpc.Config{}, nil).Client("kiosk")
		for name, test := range map[string]struct {
			fail         bool
			commit, want error
		}{
			"committed":         {false, nil, nil},
			"failed":            {true, nil, errSpoiled},
			"fails to commit":   {false, errCommit, errCommit},
			"fails to end, too": {true, errCommit, errSpoiled},
		} {
			commit = test.commit
			got, err := collect(rpc.Stream[int](t.Context(), client, "list", 1000, test.fail))
			if !errors.Is(err, test.want) || err != nil && test.want == nil || !slices.Equal(got, upTo(1000)) {
				t.Errorf("%s: got %d items and %v, want 1000 and %v", name, len(got), err, test.want)
			}
			if s := hosttest.Receive(t, "the end of the sale", sales); (s.ended != nil) != test.fail {
				t.Errorf("%s: the sale ended with %v", name, s.ended)
			}
		}
	})
}

// A stream that fails before its first item is made again by the row's key retry; after the first
// item it is not.
func TestStreamRetry(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		kiosk := &Kiosk{Runs: new(atomic.Int64), Sale: new(sale)}
		start(t, uri, kiosk)
		client := dial(t, uri, rpc.Config{}, nil).Client("kiosk")
		got, err := collect(rpc.Stream[int](t.Context(), client, "again", 3))
		if runs := kiosk.Runs.Load(); err == nil || !slices.Equal(got, upTo(3)) || runs != 3 {
			t.Errorf("got the items %v, %v and %d runs, want 0 to 2, the error and 3 runs", got, err, runs)
		}
	})
}
