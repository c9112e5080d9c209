package jobs_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Twin sends everything twice: directly, and through the outbox.
type Twin struct {
	_ service.Name `service:"twin"`

	Entrypoints struct {
		Send rpc.Method `rpc:"send"`
	}

	Sale     *sale `inject:""`
	Event    events.Dispatcher
	Event2   events.Dispatcher   `outbox:"database"`
	Insist   events.Dispatcher   `mandatory:"true"`
	Insist2  events.Dispatcher   `mandatory:"true" outbox:"database"`
	Zip      messaging.Publisher `queue:"zip" serializer:"msgpack" compression:"zlib" priority:"5" expiration:"10m"`
	Zip2     messaging.Publisher `queue:"zip" serializer:"msgpack" compression:"zlib" priority:"5" expiration:"10m" outbox:"database"`
	Options  messaging.Publisher `messaging:"twins" kind:"topic" persistent:"false"`
	Options2 messaging.Publisher `messaging:"twins" kind:"topic" persistent:"false" outbox:"database"`
}

func (s *Twin) Send(ctx context.Context) error {
	ctx = service.Key[any]("tenant").With(ctx, "ana é")
	ctx = service.Key[any]("flags").With(ctx, []any{true, nil, int64(5), 2.5, map[string]any{"a": 1}})
	payload := map[string]any{"id": 7, "name": "Júlio", "at": time.Unix(5, 0).UTC()}
	var errs []error
	for _, pair := range [][2]events.Dispatcher{{s.Event, s.Event2}, {s.Insist, s.Insist2}} {
		errs = append(errs, pair[0](ctx, "sent", payload), pair[1](ctx, "sent", payload))
	}
	options := func(m *transport.Publishing) {
		m.Key, m.Headers["x"], m.Headers["bytes"], m.CorrelationID = "a.b", uint8(3), []byte{0xff}, "c"
		m.Type, m.AppID, m.ReplyTo, m.Timestamp = "t", "app", "back", time.Unix(1_700_000_000, 0)
	}
	errs = append(errs, s.Zip(ctx, payload), s.Zip2(ctx, payload), s.Options(ctx, payload, options), s.Options2(ctx, payload, options))
	return errors.Join(errs...)
}

// TestOutboxGolden checks that messages sent through the outbox equal those sent without it: bytes,
// properties and types of headers, except for the message_id.
func TestOutboxGolden(t *testing.T) {
	eachDatabase(t, func(t *testing.T, uri string, db database) {
		var tap brokertest.Tap
		ch := brokertest.Channel(t, uri)
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, Dial: tap.Dial}},
			fx.Module("twin", service.Provide(new(Twin)), fx.Supply(db.DB), di.PerCall(inSale(true))), service.Configure(jobs.Config{Store: db.store}))
		brokertest.Bind(t, ch, "twin.events", "sent")
		if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("twin").Call(t.Context(), "send", nil); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the outbox is empty", func() bool { return count(t, db, "gomeko_outbox") == 0 })
		type route struct {
			exchange, key string
			mandatory     bool
		}
		sent := map[route][]brokertest.Published{}
		for _, m := range tap.Published(t) {
			if m.Exchange == "twin.events" || m.Exchange == "twins" || m.Key == "zip" {
				to := route{m.Exchange, m.Key, m.Mandatory}
				sent[to] = append(sent[to], m)
			}
		}
		if len(sent) != 4 {
			t.Errorf("got %d routes, want 4", len(sent))
		}
		for to, all := range sent {
			if len(all) != 2 {
				t.Errorf("%v: got %d messages, want 2", to, len(all))
				continue
			}
			direct, kept := all[0], all[1]
			if id, _ := kept.Properties["message_id"].(string); len(id) != 36 {
				t.Errorf("%v: got the message_id %q, want an UUID", to, id)
			}
			delete(kept.Properties, "message_id")
			if !reflect.DeepEqual(direct, kept) {
				t.Errorf("%v:\ndirect %+v\noutbox %+v", to, direct, kept)
			}
		}
	})
}
