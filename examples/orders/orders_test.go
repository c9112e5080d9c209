package orders_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Listener receives events about orders.
type Listener struct {
	_ service.Name `service:"listener"`

	Entrypoints struct {
		Heard events.Handler `events:"orders.order_created"`
	}

	heard chan orders.Order
}

func (l *Listener) Heard(_ context.Context, o orders.Order) error {
	l.heard <- o
	return nil
}

// Julio, user 7, creates orders and is deleted. The result is the same with both databases.
func TestOrders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, settings orders.Settings) {
		ctx := t.Context()
		heard := &Listener{heard: make(chan orders.Order, 10)}
		host := servicetest.New(t, orders.Module, users.Module, heard, fx.Replace(settings))
		shop, err := rpc.Bind[Shop](host)
		if err != nil {
			t.Fatal(err)
		}

		// He orders tea. When he has the reply, the order is in the database.
		tea := orders.Order{ID: "a1", UserID: 7, Customer: "Julio", Product: "tea", Count: 1}
		if got, err := shop.Create(ctx, Request{ID: "a1", UserID: 7, Product: "tea"}); err != nil || got != tea {
			t.Fatalf("got %+v, %v, want %+v", got, err, tea)
		}
		if got, err := shop.Get(ctx, "a1"); err != nil || got != tea {
			t.Errorf("got %+v, %v, want %+v", got, err, tea)
		}

		// A second request with the same id returns the same order.
		if got, err := shop.Create(ctx, Request{ID: "a1", UserID: 7, Product: "coffee"}); err != nil || got != tea {
			t.Errorf("got %+v, %v, want %+v", got, err, tea)
		}

		// The user does not exist: the error of users passes through orders to the caller.
		if _, err = shop.Create(ctx, Request{ID: "b1", UserID: 9, Product: "tea"}); !strings.Contains(err.Error(), "9: user not found") {
			t.Errorf("got %v, want that there is no user 9", err)
		}

		// There is no product gold: the commit fails, and the caller receives its error.
		_, err = shop.Create(ctx, Request{ID: "a2", UserID: 7, Product: "gold"})
		if err == nil || !strings.Contains(err.Error(), "commit: ") {
			t.Errorf("got %v, want the error of the commit", err)
		}
		if _, err := shop.Get(ctx, "a2"); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("got %v, want %v: it was not committed", err, orders.ErrNotFound)
		}

		// No event was sent for that order: events leave after the commit.
		if got := <-heard.heard; got != tea || len(heard.heard) > 0 {
			t.Errorf("got the events of %+v and %d more, want that of %+v", got, len(heard.heard), tea)
		}

		// He may have three orders. The fourth is added, counted and rolled back.
		for _, id := range []string{"a3", "a4"} {
			if _, err := shop.Create(ctx, Request{ID: id, UserID: 7, Product: "coffee"}); err != nil {
				t.Error(err)
			}
		}
		if _, err := shop.Create(ctx, Request{ID: "a5", UserID: 7, Product: "tea"}); !errors.Is(err, orders.ErrTooMany) {
			t.Errorf("got %v, want %v", err, orders.ErrTooMany)
		}
		if _, err := shop.Get(ctx, "a5"); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("got %v, want %v: it was rolled back", err, orders.ErrNotFound)
		}

		// The latest ones come first.
		if latest, err := shop.Latest(ctx, 2); err != nil || len(latest) != 2 || latest[0].ID != "a4" || latest[1].ID != "a3" {
			t.Errorf("got %+v, %v, want a4 and a3", latest, err)
		}

		// When he is deleted, so are his orders.
		forgotten := host.Watch("orders.ForgetUser")
		if err := host.Client("users").Call(ctx, "delete_user", nil, 7); err != nil {
			t.Fatal(err)
		}
		if got := forgotten(); got.Err != nil {
			t.Error(got.Err)
		}
		if _, err := shop.Get(ctx, "a1"); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("got %v, want %v", err, orders.ErrNotFound)
		}
	})
}

// breaking is a store whose orders cannot be counted.
type breaking struct{ orders.Store }

func (breaking) Count(context.Context, int) (int, error) { panic("out of fingers") }

// A panic rolls the transaction back, and the next call can use the connection.
func TestPanic(t *testing.T) {
	eachDatabase(t, func(t *testing.T, settings orders.Settings) {
		shop, err := rpc.Bind[Shop](servicetest.New(t, orders.Module, users.Module, fx.Replace(settings),
			fx.Decorate(func(real di.Provider[orders.Store]) di.Provider[orders.Store] {
				return func(ctx context.Context) (orders.Store, di.Done, error) {
					store, done, err := real(ctx)
					return breaking{store}, done, err
				}
			})))
		if err != nil {
			t.Fatal(err)
		}
		_, err = shop.Create(t.Context(), Request{ID: "a1", UserID: 7, Product: "tea"})
		if !errors.Is(err, rpc.NewError("builtins.RuntimeError", "")) {
			t.Errorf("got %v, want the panic as a RuntimeError", err)
		}
		if _, err := shop.Get(t.Context(), "a1"); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("got %v, want %v", err, orders.ErrNotFound)
		}
	})
}

// locked is a store that cannot forget a user at the first attempt.
type locked struct{ orders.Store }

func (s locked) Forget(ctx context.Context, userID int) error {
	if service.FromContext(ctx).Attempt == 1 {
		return errors.New("the database is locked")
	}
	return s.Store.Forget(ctx, userID)
}

// Errors of the database are retried, but an event that names no user is not.
func TestForgetUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, settings orders.Settings) {
		host := servicetest.New(t, orders.Module, users.Module, fx.Replace(settings),
			fx.Decorate(func(real di.Provider[orders.Store]) di.Provider[orders.Store] {
				return func(ctx context.Context) (orders.Store, di.Done, error) {
					store, done, err := real(ctx)
					return locked{store}, done, err
				}
			}))
		shop, err := rpc.Bind[Shop](host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.Create(t.Context(), Request{ID: "a1", UserID: 7, Product: "tea"}); err != nil {
			t.Fatal(err)
		}
		forgotten, deleted := host.Watch("orders.ForgetUser"), host.Dispatcher("users")
		if err := deleted(t.Context(), "user_deleted", users.User{ID: 7}); err != nil {
			t.Fatal(err)
		}
		if got := forgotten(); got.Err == nil || service.VerdictOf(got.Err).Action != service.Retry {
			t.Errorf("got %v, want an error that is retried", got.Err)
		}
		if got := forgotten(); got.Err != nil || got.Call.Attempt != 2 {
			t.Errorf("attempt %d: got %v, want success at the second", got.Call.Attempt, got.Err)
		}
		if _, err := shop.Get(t.Context(), "a1"); !errors.Is(err, orders.ErrNotFound) {
			t.Errorf("got %v, want %v", err, orders.ErrNotFound)
		}

		if err := deleted(t.Context(), "user_deleted", users.User{}); err != nil {
			t.Fatal(err)
		}
		if got := forgotten(); service.VerdictOf(got.Err).Action != service.Parked {
			t.Errorf("got %v, want an error that parks the event", got.Err)
		}
	})
}

// shelf is a Store for a test of the method alone.
type shelf map[string]*orders.Order

func (s shelf) Add(_ context.Context, o *orders.Order) (bool, error) {
	_, there := s[o.ID]
	if !there {
		s[o.ID] = o
	}
	return !there, nil
}

func (s shelf) Get(_ context.Context, id string) (*orders.Order, error) { return s[id], nil }
func (s shelf) Count(context.Context, int) (int, error)                 { return len(s), nil }
func (s shelf) Forget(context.Context, int) error                       { clear(s); return nil }

func (s shelf) Latest(context.Context, int) ([]orders.Order, error) { return []orders.Order{}, nil }

// A method is tested on a struct literal, without container, broker and database.
func TestCreateOrder(t *testing.T) {
	var dispatched []string
	o := &orders.Orders{
		Dispatch: func(_ context.Context, event string, _ any) error {
			dispatched = append(dispatched, event)
			return nil
		},
		Store: shelf{},
		Users: orders.Users{Get: func(context.Context, int) (orders.User, error) { return orders.User{Name: "Ana"}, nil }},
	}
	got, err := o.CreateOrder(t.Context(), orders.CreateOrderArgs{ID: "a1", UserID: 8, Product: "tea", Count: 2})
	if want := (orders.Order{ID: "a1", UserID: 8, Customer: "Ana", Product: "tea", Count: 2}); err != nil || *got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if !slices.Equal(dispatched, []string{"order_created"}) {
		t.Errorf("got the events %q", dispatched)
	}
}
