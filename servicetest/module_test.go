package servicetest_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Create rpc.Method `rpc:"create(product)"`
	}

	Store Store `inject:""`
}

type Store interface{ Add(product string) error }

func (o *Orders) Create(_ context.Context, product string) error { return o.Store.Add(product) }

// A database counts its committed transactions.
type database struct {
	committed atomic.Int64
	err       error // of a commit
}

func (*database) Add(product string) error {
	if product == "" {
		return errors.New("no product")
	}
	return nil
}

func inTx(db *database) di.Provider[Store] {
	return func(context.Context) (Store, di.Done, error) {
		return db, func(err error) error {
			if err == nil && db.err == nil {
				db.committed.Add(1)
			}
			return errors.Join(err, db.err)
		}, nil
	}
}

var orders = fx.Module("orders",
	service.Provide(new(Orders)),
	fx.Provide(func() (*database, error) { return nil, errors.New("no database in a test") }),
	di.PerCall(inTx),
)

// By the time the caller has the reply, the transaction is committed. If the commit fails, the
// caller receives the error.
func TestModule(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		product   string
		commit    error
		committed int64
		want      string
	}{
		{"tea", nil, 1, ""},
		{"", nil, 0, "no product"},
		{"tea", errors.New("disk full"), 0, "disk full"},
	} {
		db := &database{err: tc.commit}
		h := servicetest.New(t, orders, fx.Replace(db))
		err := h.Client("orders").Call(t.Context(), "create", nil, tc.product)
		if got := db.committed.Load(); got != tc.committed {
			t.Errorf("%q: got %d committed when the reply is there, want %d", tc.product, got, tc.committed)
		}
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %s", tc.product, err, tc.want)
		}
	}
}
