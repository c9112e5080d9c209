package prices_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/examples/prices"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Both processes learn the new price, and one of them notifies customers, at its second attempt.
func TestChange(t *testing.T) {
	t.Parallel()
	sent := make(chan prices.Changed, 10)
	tries := make(chan struct{}, 1)
	send := prices.Send(func(_ context.Context, changed prices.Changed) error {
		select {
		case tries <- struct{}{}:
			return errors.New("the post office is closed")
		default:
			sent <- changed
			return nil
		}
	})
	on := service.Configure(transport.Config{URI: brokertest.Embedded(t)})
	one := servicetest.New(t, prices.Module, fx.Replace(send), on)
	two := servicetest.New(t, prices.Module, fx.Replace(send), on)
	learned := []func() servicetest.Outcome{one.Watch("catalog.Learn"), two.Watch("catalog.Learn")}

	if err := one.Client("prices").Call(t.Context(), "change", nil, "tea", 120); err != nil {
		t.Fatal(err)
	}
	for _, next := range learned {
		if got := next(); got.Err != nil {
			t.Error(got.Err)
		}
	}
	for _, host := range []*servicetest.Host{one, two} {
		if got, err := host.Run(t.Context(), "catalog.Price", "tea"); got != 120 || err != nil {
			t.Errorf("got %v, %v, want 120", got, err)
		}
	}
	if got, want := <-sent, (prices.Changed{Product: "tea", Cents: 120}); got != want {
		t.Errorf("got %+v sent, want %+v", got, want)
	}
	if len(sent) > 0 {
		t.Errorf("got %+v sent too", <-sent)
	}
}

// A program that hosts no services dispatches an event on behalf of a service, like Nameko's
// event_dispatcher.
func TestStandalone(t *testing.T) {
	t.Parallel()
	broker := transport.Config{URI: brokertest.Embedded(t)}
	host := servicetest.New(t, prices.Module, service.Configure(broker))
	learned := host.Watch("catalog.Learn")

	conn, err := transport.Dial(t.Context(), broker)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	dispatch := events.NewDispatcher(conn, "prices")
	if err := dispatch(t.Context(), "price_changed", prices.Changed{Product: "tea", Cents: 90}); err != nil {
		t.Fatal(err)
	}
	learned()
	if got, err := host.Run(t.Context(), "catalog.Price", "tea"); got != 90 || err != nil {
		t.Errorf("got %v, %v, want 90", got, err)
	}
}

// A method alone needs no broker: a dispatcher is a func.
func TestDispatch(t *testing.T) {
	t.Parallel()
	var dispatched prices.Changed
	p := &prices.Prices{Dispatch: func(_ context.Context, _ string, payload any) error {
		dispatched = payload.(prices.Changed)
		return nil
	}}
	if err := p.Change(t.Context(), "tea", 120); err != nil || dispatched.Cents != 120 {
		t.Errorf("got %+v, %v", dispatched, err)
	}
}
