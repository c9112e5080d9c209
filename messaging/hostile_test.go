package messaging_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
)

// hostile returns headers that anybody with permission to publish may send.
func hostile() map[string]amqp.Table {
	var deep any = "x"
	for range 31 {
		deep = []any{deep}
	}
	never := time.Unix(1<<60, 0)
	retry := func(t amqp.Table) amqp.Table { return amqp.Table{deadletter.RetryHeader: t} }
	return map[string]amqp.Table{
		"none":            nil,
		"text":            {deadletter.RetryHeader: "x", deadletter.OriginalHeader: int64(7), "x-delivery-count": "many"},
		"list":            {deadletter.RetryHeader: []any{"x"}, "x-delivery-count": int64(-1)},
		"negative":        retry(amqp.Table{"attempt": int64(-7), "first": int64(-1), "deadline": int64(-1)}),
		"far":             retry(amqp.Table{"attempt": int64(math.MaxInt64), "first": never, "deadline": int64(math.MaxInt64)}),
		"types":           retry(amqp.Table{"attempt": "2", "exchange": int64(1), "key": []byte("x"), "folded": "x"}),
		"long names":      retry(amqp.Table{"exchange": strings.Repeat("e", 300), "key": strings.Repeat("k", 300)}),
		"copies":          {"CC": []any{"victim"}},
		"copies later":    retry(amqp.Table{"folded": amqp.Table{"CC": []any{"victim"}, "BCC": []any{"victim"}}}),
		"no copies":       retry(amqp.Table{"folded": amqp.Table{"CC": "victim", "BCC": int64(5)}}),
		"expiration":      retry(amqp.Table{"folded": amqp.Table{"expiration": int64(0), "user_id": "root", "delivery_mode": int64(9)}}),
		"expiration long": retry(amqp.Table{"folded": amqp.Table{"expiration": int64(math.MaxInt64), "user_id": strings.Repeat("u", 300)}}),
		"deep":            {"a": deep},
		"deep folded":     retry(amqp.Table{"folded": amqp.Table{"x-death": deep}}),
		"deep death":      {"x-death": deep, "x-first-death-queue": deep},
		"not UTF-8":       {"\xff": "\xfe", "a": []byte("\xff")},
		"decimal":         {"a": amqp.Decimal{Scale: 2, Value: 7}},
		"large":           {"a": strings.Repeat("x", 130_900)},
		"larger":          {"a": strings.Repeat("x", 130_990)},
		"large original":  {"a": strings.Repeat("x", 32_000), deadletter.OriginalHeader: amqp.Table{"error": strings.Repeat("e", 90_000)}},
		"many":            many(),
	}
}

func many() amqp.Table {
	t := amqp.Table{}
	for i := range 10_000 {
		t[strings.Repeat("x", i%3)+time.Duration(i).String()] = true
	}
	return t
}

// TestHostileHeaders publishes these headers to the queue of a row that fails, and to the queues of
// its retries: each message is parked, no copy is made, and no connection is lost.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newStubborn(func(int, string) error { return errors.New("never") })
		p := start(t, uri, s)
		hosttest.Close(t, p.Stop)
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclare("victim", false, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		var want []string
		publishings, copies := hostile(), 0
		for name, headers := range publishings {
			for _, queue := range []string{"retried", deadletter.RetryQueue("retried"), deadletter.SuspectQueue("retried")} {
				if headers["CC"] != nil {
					copies++ // for the publishing itself
				}
				m := amqp.Publishing{Body: []byte(`"` + name + " " + queue + `"`), Headers: headers, ContentType: "application/json", Priority: 9}
				if err := ch.PublishWithContext(t.Context(), "", queue, true, false, m); err != nil {
					t.Fatal(err)
				}
				want = append(want, string(m.Body))
			}
		}
		p = start(t, uri, s, service.Configure(messaging.Config{PauseAfter: -1}))
		var got []string
		for range want {
			d, _ := parked(t, uri, "retried")
			got = append(got, string(d.Body))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		hosttest.Close(t, p.Stop)
		if n := brokertest.Depth(t, uri, "victim"); n != copies {
			t.Errorf("got %d copies in another queue, want %d", n, copies)
		}
		for _, queue := range []string{"retried", deadletter.RetryQueue("retried"), deadletter.SuspectQueue("retried"), deadletter.DeadQueue("retried")} {
			if n := brokertest.Depth(t, uri, queue); n != 0 {
				t.Errorf("got %d messages left in %s", n, queue)
			}
		}
		if lost := p.Log.Lines("lost"); len(lost) > 0 {
			t.Errorf("got %q", lost)
		}
	})
}
