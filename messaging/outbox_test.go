package messaging_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Seller announces what it has sold once that is committed.
type Seller struct {
	_ service.Name `service:"seller"`

	Entrypoints struct {
		Sell  rpc.Method     `rpc:"sell(how)"`
		Heard events.Handler `events:"seller.sold"`
	}

	Sale     *sale               `inject:""`
	Publish  messaging.Publisher `queue:"sold" outbox:"memory"`
	Insist   messaging.Publisher `key:"nowhere" mandatory:"true" outbox:"memory"`
	Dispatch events.Dispatcher   `outbox:"memory"`

	heard chan int
}

// A sale is the transaction of a call.
type sale struct{ how string }

func (s *Seller) Sell(ctx context.Context, how string) error {
	s.Sale.how = how
	ctx, cancel := context.WithCancel(ctx) // the method's own
	defer cancel()
	for _, n := range []int{1, 2} {
		if err := s.Publish(ctx, n); err != nil {
			return err
		}
	}
	if err := s.Dispatch(ctx, "sold", 3); err != nil {
		return err
	}
	switch how {
	case "unsent":
		return errors.Join(s.Insist(ctx, 4), s.Publish(ctx, 5))
	case "fails":
		return errors.New("fails")
	case "panics":
		panic("panics")
	case "cannot be encoded":
		return s.Publish(ctx, make(chan int))
	}
	return nil
}

func (s *Seller) Heard(_ context.Context, n int) error {
	s.heard <- n
	return nil
}

// With outbox:"memory", messages and events are sent after the commit, in order, and only then.
func TestOutbox(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := &Seller{heard: make(chan int, 10)}
		early := 0
		commits := func() di.Provider[*sale] {
			return func(ctx context.Context) (*sale, di.Done, error) {
				v := new(sale)
				if service.FromContext(ctx).Row != "Sell" {
					return v, nil, nil
				}
				return v, func(err error) error {
					early += brokertest.Depth(t, uri, "sold") + len(s.heard)
					if v.how == "not committed" {
						return errors.New("not committed")
					}
					return err
				}, nil
			}
		}
		startOn(t, transport.Config{URI: uri}, fx.Module("seller", service.Provide(s), di.PerCall(commits)))
		client := caller(t, uri).Client("seller")
		ch := brokertest.Channel(t, uri)
		for _, tc := range []struct {
			how, want string
			sent      []string
		}{
			{"works", "", []string{"1", "2"}},
			{"fails", "fails", nil},
			{"panics", "panics", nil},
			{"not committed", "not committed", nil},
			{"cannot be encoded", "payload: ", nil},
			{"unsent", "message 4 of 5 was not sent", []string{"1", "2"}},
		} {
			err := client.Call(t.Context(), "sell", nil, tc.how)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want %q", tc.how, err, tc.want)
			}
			var sent []string
			for m, ok, err := ch.Get("sold", true); ok && err == nil; m, ok, err = ch.Get("sold", true) {
				sent = append(sent, string(m.Body))
			}
			if !slices.Equal(sent, tc.sent) {
				t.Errorf("%s: got %q in the queue, want %q", tc.how, sent, tc.sent)
			}
			if len(tc.sent) > 0 {
				<-s.heard
			}
			if n := len(s.heard); n != 0 || early != 0 {
				t.Errorf("%s: got %d events, and %d messages before the commit, want none", tc.how, n, early)
			}
		}
	})
}

// Storeless has no database.
type Storeless struct {
	_ service.Name `service:"storeless"`

	Entrypoints struct {
		Heard messaging.Consumer `messaging:"q" inbox:"true"`
	}

	Publish  messaging.Publisher `queue:"q" outbox:"database"`
	Dispatch events.Dispatcher   `outbox:"disk"`
}

func (*Storeless) Heard(context.Context, int) error { return nil }

func TestOutboxMistake(t *testing.T) {
	_, err := service.New(service.Config{}, new(Storeless), service.Defaults(transport.Config{URI: "amqp://localhost"}))
	for _, want := range []string{
		`Publish: outbox:"database" needs a store in the database of your transactions: set gomeko.jobs.store in the configuration`,
		`Dispatch: outbox "disk" is not known: write outbox:"database" or outbox:"memory", or remove it`,
		`Heard: inbox:"true" needs a store in the database of your transactions: set gomeko.jobs.store in the configuration`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
