package di_test

import (
	"context"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
)

type (
	store interface{ Get(id int) string }
	db    struct{}
)

func newStore(*db) store                                  { return nil }
func inTx(*db) di.Provider[store]                         { return nil }
func both() (di.Provider[store], di.Provider[int], error) { return nil, nil, nil }
func provider(context.Context) (store, di.Done, error)    { return nil, nil, nil }

func TestPerCallMistakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		constructor any
		want        string
	}{
		{"nil", nil, "<nil> is not a constructor: pass a func(…) di.Provider[T], or an fx.Annotated with one"},
		{"a number", 7, "int is not a constructor: pass a func(…) di.Provider[T], or an fx.Annotated with one"},
		{"no result", func() {}, "func() returns nothing: return di.Provider[T] or (di.Provider[T], error)"},
		{"another constructor", newStore, "func(*di_test.db) di_test.store does not return a di.Provider: return di.Provider[di_test.store]"},
		{"two providers", both, "func() (di.Provider[di_test.store], di.Provider[int], error) returns more than a provider and an error: pass one constructor for each to PerCall"},
		{"a provider as a func", provider, "func(context.Context) (di_test.store, di.Done, error) does not return a di.Provider: return di.Provider[di_test.store]"},
		{"a provider", di.Provider[store](provider), "di.Provider[di_test.store] is a provider: pass a function that returns it"},
		{"a group", fx.Annotated{Group: "stores", Target: inTx},
			"func(*di_test.db) di.Provider[di_test.store] has the Group stores: remove it, because a field holds one value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := fx.New(fx.NopLogger, di.PerCall(tc.constructor)).Err()
			if want := "di.PerCall: " + tc.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}
