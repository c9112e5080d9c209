package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Bank fails as the test tells it to.
type Bank struct {
	_ service.Name `service:"bank"`

	Entrypoints struct {
		Charge rpc.Method `rpc:"charge(how)" retry:"1ms 2ms"`
		Slow   rpc.Method `rpc:"slow" method:"Wait" retry:"1h"`
		Plain  rpc.Method `rpc:"plain(how)" method:"Charge"`
		First  rpc.Method `rpc:"first(how)" method:"Charge" ack:"before"`
		Limit  rpc.Method `rpc:"limit" retry:"1ms" timeout:"10ms"`
		Fine   rpc.Method `rpc:"fine"`
	}

	Nowhere rpc.Client `rpc:"nowhere"`
	Orders  rpc.Client `rpc:"ledger"`

	runs   *atomic.Int32
	failed chan string // the id of each call of slow that fails
}

func newBank() *Bank { return &Bank{runs: new(atomic.Int32), failed: make(chan string, 10)} }

var errPoor = rpc.NewError("bank.Poor", "no money")

// Charge fails in one of several ways, until the third attempt.
func (b *Bank) Charge(ctx context.Context, how string) (int, error) {
	attempt := service.FromContext(ctx).Attempt
	if int(b.runs.Add(1)) != attempt {
		return 0, rpc.NewError("bank.Count", "attempts are not counted")
	}
	if attempt == 3 {
		return attempt, nil
	}
	text := fmt.Errorf("attempt %d", attempt)
	switch how {
	case "panic":
		panic(text)
	case "rude":
		return 0, rude{}
	case "expected":
		return 0, errPoor
	case "later":
		return 0, service.RetryAfter(time.Millisecond, errPoor)
	case "park":
		return 0, service.Park(text)
	case "drop":
		return 0, service.Drop(text)
	case "unknown":
		return 0, b.Nowhere.Call(ctx, "x", nil)
	case "remote":
		return 0, b.Orders.Call(ctx, "refuse", nil)
	}
	return 0, text
}

// A rude error panics.
type rude struct{ error }

func (rude) Expected() bool { panic("rude") }

// Wait fails.
func (b *Bank) Wait(ctx context.Context) error {
	b.failed <- service.FromContext(ctx).ID
	return errors.New("later")
}

// Limit takes too long at the first attempt.
func (b *Bank) Limit(ctx context.Context) error {
	if service.FromContext(ctx).Attempt == 1 {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (*Bank) Fine(context.Context) error { return nil }

// Ledger refuses.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Refuse rpc.Method `rpc:"refuse"`
	}
}

func (*Ledger) Refuse(context.Context) error { return errPoor }

// Faults, timeouts and the errors of other services are retried, unnoticed by the caller. The
// method's own expected errors, and requests that do not match the signature, are answered at once.
func TestRetry(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		b := newBank()
		server := startWorkers(t, 1, uri, b, new(Ledger))
		client := dial(t, uri, rpc.Config{}, nil).Client("bank")
		for name, test := range map[string]struct {
			method, how string
			want        string // the error; "" is none
			runs        int32
		}{
			"fault":             {"charge", "fault", "", 3},
			"panic":             {"charge", "panic", "", 3},
			"panic of an error": {"charge", "rude", "", 3},
			"unknown service":   {"charge", "unknown", "", 3},
			"another's error":   {"charge", "remote", "", 3},
			"own error":         {"charge", "expected", "Poor: no money", 1},
			"RetryAfter":        {"charge", "later", "", 3},
			"Park":              {"charge", "park", "Exception: attempt 1", 1},
			"Drop":              {"charge", "drop", "Exception: attempt 1", 1},
			"without retry":     {"plain", "fault", "Exception: attempt 1", 1},
			"RetryAfter alone":  {"plain", "later", "", 3},
			"acknowledged":      {"first", "fault", "Exception: attempt 1", 1},
			"RetryAfter, acked": {"first", "later", "Poor: no money", 1},
		} {
			b.runs.Store(0)
			var attempts int
			err := client.Call(t.Context(), test.method, &attempts, test.how)
			if got := fmt.Sprint(err); (err != nil || test.want != "") && got != test.want || err == nil && attempts != 3 {
				t.Errorf("%s: got %d, %v, want %q", name, attempts, err, test.want)
			}
			if n := b.runs.Load(); n != test.runs {
				t.Errorf("%s: got %d runs, want %d", name, n, test.runs)
			}
		}
		if err := client.Call(t.Context(), "limit", nil); err != nil {
			t.Errorf("a timeout: got %v, want a second attempt", err)
		}
		if err := client.Call(t.Context(), "charge", nil, "fault", "one too many"); !errors.Is(err, rpc.ErrIncorrectSignature) {
			t.Errorf("arguments that do not fit: got %v", err)
		}
		again := len(server.Log.Lines("call runs again", "field=Charge"))
		if want := 6 * 2; again != want { // arguments that do not fit are not retried
			t.Errorf("got %d attempts logged, want %d", again, want)
		}
		server.stop(t)
		if n := brokertest.Depth(t, uri, "rpc-bank"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
	})
}

// A call that waits for its next attempt holds no worker, and its request is not acknowledged. If
// the caller gives up, the call is answered at that time. All attempts have one id.
func TestRetryWaits(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		b := newBank()
		server := startWorkers(t, 1, uri, b)
		client := dial(t, uri, rpc.Config{}, nil).Client("bank")
		peer := newPeer(t, uri)
		peer.publish("bank.slow", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "1", Body: []byte(`{"args": [], "kwargs": {}}`)})
		id := hosttest.Receive(t, "the failure", b.failed)
		for range 3 { // there is one worker
			if err := client.Call(t.Context(), "fine", nil); err != nil {
				t.Errorf("while another call waits: %v", err)
			}
		}
		peer.publishTo("gomeko.control", "cancel.bank", amqp.Publishing{Body: []byte(`{"reply_to": "` + replyKey + `", "correlation_id": "1"}`)})
		if reply := hosttest.Next(t, peer.replies); !strings.Contains(string(reply.Body), "later") {
			t.Errorf("got reply %s, want the error of the attempt", reply.Body)
		}
		server.stop(t)
		if n := brokertest.Depth(t, uri, "rpc-bank"); n != 0 {
			t.Errorf("got %d requests left in the queue, want 0", n)
		}
		if len(b.failed) > 0 {
			t.Errorf("the call ran again")
		}
		if lines := server.Log.Lines("call_id="+id, "call failed"); len(lines) != 1 {
			t.Errorf("got %q, want one failed attempt", lines)
		}
	})
}

// A delay that would outlast the caller's deadline is not begun: the caller gets the error of the
// attempt, not a timeout.
func TestRetryWithinTheDeadline(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		b := newBank()
		start(t, uri, b)
		err := dial(t, uri, rpc.Config{Timeout: time.Minute}, nil).Client("bank").Call(t.Context(), "slow", nil)
		if fmt.Sprint(err) != "Exception: later" || len(b.failed) != 1 {
			t.Errorf("got %v, want the error of the only attempt", err)
		}
	})
}

// A stopping process gives back the requests that wait, once it takes no more.
func TestRetryWhileStopping(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		b := newBank()
		server := start(t, uri, b)
		peer := newPeer(t, uri)
		peer.publish("bank.slow", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "1", Body: []byte(`{"args": [], "kwargs": {}}`)})
		hosttest.Receive(t, "the failure", b.failed)
		server.Log.Wait(t, 1, "call runs again")
		server.stop(t)
		if n := brokertest.Depth(t, uri, "rpc-bank"); n != 1 {
			t.Errorf("got %d requests in the queue, want the one that was given back", n)
		}
		if len(peer.replies)+len(b.failed) > 0 {
			t.Error("it was answered, or ran again in the process that stops")
		}
	})
}

func TestRetryMistakes(t *testing.T) {
	t.Parallel()
	type both struct {
		_ service.Name `service:"both"`

		Entrypoints struct {
			A rpc.Method `rpc:"a" method:"Error" retry:"1s" ack:"before"`
			B rpc.Method `rpc:"b" method:"Error" retry:"soon"`
		}

		error
	}
	_, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: "amqp://127.0.0.1:1"}}, new(both))
	for _, want := range []string{
		`both: A: retry and ack:"before" contradict each other`,
		`both: B: retry: "soon" is not a delay`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
