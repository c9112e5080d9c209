package parked_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/parked"
	"github.com/gomeko/gomeko/transport"
)

// limit returns a context that ends a hanging test.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, cfg transport.Config) *transport.Conn {
	t.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := transport.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, c.Close) })
	return c
}

// park parks messages with the bodies {"n": 0} and so on.
func park(t *testing.T, c *transport.Conn, queue string, n int, originals ...deadletter.Original) {
	t.Helper()
	var queues deadletter.Queues
	if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{queues.Dead(queue)}}); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, n)
	for i := range n {
		o := deadletter.Original{Error: fmt.Sprintf("order %d: no table", i), ErrorType: "*pq.Error"}
		if len(originals) > 0 {
			o = originals[i%len(originals)]
		}
		o.Queue, o.Exchange, o.Key = queue, "shop", "order.created"
		d := &transport.Delivery{Body: fmt.Appendf(nil, `{"n": %d}`, i)}
		d.ContentType = "application/json"
		if err := c.Send(limit(t), queues.Publishing(d, o), func(err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		if err := hosttest.Next(t, results); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, c *transport.Conn, queue string) *parked.Desk {
	t.Helper()
	d, err := parked.Open(limit(t), c, queue)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bodies returns the bodies of the parked messages.
func bodies(t *testing.T, d *parked.Desk) []string {
	t.Helper()
	look, err := d.Look(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range look.Messages {
		all = append(all, strings.Trim(string(d.View(limit(t), m, true).Body), `{"n:}`))
	}
	return all
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// TestLooks looks ten times at parked messages. All of them stay, in order.
func TestLooks(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, transport.Config{URI: uri})
		park(t, c, "bills", 200)
		d := open(t, c, "bills")
		for range 10 {
			if got, want := bodies(t, d), numbers(0, 200); !slices.Equal(got, want) {
				t.Fatalf("got %v, want all in their order", got)
			}
		}
	})
}

// TestTake replays some of the parked messages, and drops another one.
func TestTake(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, transport.Config{URI: uri})
		now := time.Now().Truncate(time.Second)
		var all []deadletter.Original
		for i := range 30 {
			o := deadletter.Original{Error: []string{"no table", "timed out", "order 17: unknown"}[i%3], First: now.Add(-time.Hour), Last: now.Add(time.Duration(i-30) * time.Minute)}
			all = append(all, o)
		}
		park(t, c, "bills", 30, all...)
		d := open(t, c, "bills")
		if n, err := d.Prepare(limit(t)); n != 0 || err != nil {
			t.Fatalf("got %d consumers, %v", n, err)
		}
		var progress []int
		take := func(w parked.Work, want parked.Result) {
			t.Helper()
			if got, err := d.Take(limit(t), w); got != want || err != nil {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
		take(parked.Work{Selection: parked.Selection{Error: "NO TABLE"}, Do: d.Replay, Progress: func(done, of int) { progress = append(progress, done, of) }}, parked.Result{Taken: 10})
		if len(progress) != 20 || progress[18] != 10 || progress[19] != 10 {
			t.Errorf("got the progress %v", progress)
		}
		take(parked.Work{Selection: parked.Selection{Error: "no table"}, Do: d.Replay}, parked.Result{})
		take(parked.Work{Selection: parked.Selection{Error: "order #", Since: now.Add(-5 * time.Minute)}, Do: d.Drop}, parked.Result{Taken: 2})
		skip := 0
		take(parked.Work{Selection: parked.Selection{Error: "timed"}, Do: func(context.Context, *parked.Message) error {
			if skip++; skip == 2 {
				return nil
			}
			return parked.ErrSkip
		}}, parked.Result{Taken: 1, Skipped: 9})
		want := []string{"1", "2", "5", "7", "8", "10", "11", "13", "14", "16", "17", "19", "20", "22", "23", "25", "28"}
		if got := bodies(t, d); !slices.Equal(got, want) {
			t.Errorf("got %v left, want %v", got, want)
		}
		replayed := make(chan *transport.Delivery, 100)
		if _, err := c.Consume(limit(t), transport.Consume{Queue: "gomeko.retry.bills", Handle: func(d *transport.Delivery) { replayed <- d }}); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			m := hosttest.Next(t, replayed)
			if a := deadletter.Open(m); string(m.Body) != fmt.Sprintf(`{"n": %d}`, 3*i) || a.Number != 1 || m.Exchange != "shop" || m.Key != "order.created" || !a.First.Equal(now.Add(-time.Hour)) {
				t.Errorf("got %s, %+v, want the message %d as it came first", m.Body, a, 3*i)
			}
			m.Ack()
		}
	})
}

// TestIDs takes messages by their IDs, and by prefixes of them.
func TestIDs(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	park(t, c, "bills", 20)
	d := open(t, c, "bills")
	look, err := d.Look(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string][]string{"unknown": {look.Messages[0].ID, "nothing"}, "ambiguous": {""}} {
		if got, err := d.Take(limit(t), parked.Work{Selection: parked.Selection{IDs: ids}, Do: d.Drop}); err == nil || got.Taken != 0 {
			t.Errorf("%s: got %+v, %v, want an error before anything is dropped", name, got, err)
		}
	}
	ids := []string{look.Messages[3].ID, look.Messages[7].ID[:20]}
	if got, err := d.Take(limit(t), parked.Work{Selection: parked.Selection{IDs: ids}, Do: d.Drop}); err != nil || got.Taken != 2 {
		t.Errorf("got %+v, %v, want 2 dropped", got, err)
	}
	if got := bodies(t, d); len(got) != 18 || slices.Contains(got, "3") || slices.Contains(got, "7") {
		t.Errorf("got %v left", got)
	}
}

// TestOneViewer opens a queue that another process has open.
func TestOneViewer(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		first, second := dial(t, transport.Config{URI: uri}), dial(t, transport.Config{URI: uri})
		park(t, first, "bills", 1)
		d := open(t, first, "bills")
		if _, err := parked.Open(limit(t), second, "bills"); !errors.Is(err, parked.ErrBusy) {
			t.Errorf("got %v, want ErrBusy", err)
		}
		if _, err := parked.Open(limit(t), second, "orders"); !errors.Is(err, parked.ErrNone) {
			t.Errorf("got %v of a queue that nothing is parked of, want ErrNone", err)
		}
		if err := d.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
		open(t, second, "bills")
	})
}

// TestSnapshot replays to the same dead queue, like a message that fails again at once. Messages
// that arrive in the meantime are left alone.
func TestSnapshot(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	park(t, c, "bills", 20)
	d := open(t, c, "bills")
	got, err := d.Take(limit(t), parked.Work{Do: func(context.Context, *parked.Message) error {
		park(t, c, "bills", 1)
		return nil
	}})
	if err != nil || got.Taken != 20 {
		t.Errorf("got %+v, %v, want 20 taken", got, err)
	}
	if got := bodies(t, d); len(got) != 20 {
		t.Errorf("got %d left, want the 20 that came meanwhile", len(got))
	}
}

// TestLimits looks at more messages than a look holds.
func TestLimits(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	park(t, c, "many", parked.MaxMessages+10)
	d := open(t, c, "many")
	look, err := d.Look(limit(t))
	if err != nil || len(look.Messages) != parked.MaxMessages || look.Unseen != 10 {
		t.Errorf("got %d messages, %d unseen, %v", len(look.Messages), look.Unseen, err)
	}
	none := parked.Selection{Error: "nothing of this kind"}
	if got, err := d.Take(limit(t), parked.Work{Selection: none, Do: d.Drop}); err != nil || got != (parked.Result{Unseen: 10}) {
		t.Errorf("got %+v, %v, want that 10 are unseen", got, err)
	}
	if got, err := d.Take(limit(t), parked.Work{Do: d.Drop}); err != nil || got != (parked.Result{Taken: parked.MaxMessages + 10}) {
		t.Errorf("got %+v, %v, want all dropped, in two rounds", got, err)
	}

	large := deadletter.Queues{}.Publishing(&transport.Delivery{Body: make([]byte, 15<<20)}, deadletter.Original{Queue: "large"})
	if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{deadletter.Queues{}.Dead("large")}}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := c.Publish(limit(t), large); err != nil {
			t.Fatal(err)
		}
	}
	d = open(t, c, "large")
	if look, err = d.Look(limit(t)); err != nil || len(look.Messages) != 4 || look.Unseen != 1 {
		t.Errorf("got %d messages, %d unseen, %v, want 4 and 1", len(look.Messages), look.Unseen, err)
	}
}

// TestLostConnection loses the connection while messages are replayed. No message is lost.
func TestLostConnection(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		c, other := dial(t, transport.Config{URI: uri, Dial: tap.Dial}), dial(t, transport.Config{URI: uri})
		park(t, other, "bills", 20)
		d := open(t, c, "bills")
		n := 0
		got, err := d.Take(limit(t), parked.Work{Do: func(context.Context, *parked.Message) error {
			if n++; n == 10 {
				tap.Cut()
				hosttest.Eventually(t, "the loss", func() bool { return !c.Away().IsZero() })
				hosttest.Eventually(t, "the next connection", func() bool { return c.Away().IsZero() }) // the old connection has ended completely
			}
			return nil
		}})
		if !errors.Is(err, parked.ErrLost) || got.Taken > 9 {
			t.Errorf("got %+v, %v, want ErrLost", got, err)
		}
		hosttest.Eventually(t, "the messages that were not taken are back", func() bool {
			n, _, err := other.Inspect(limit(t), "gomeko.dead.bills")
			return err == nil && n >= 10
		})
	})
}

// TestKilled ends the connection just after a message was replayed, as when the process is killed.
// No message is lost, and at most one is tried twice.
func TestKilled(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		var tap brokertest.Tap
		c, other := dial(t, transport.Config{URI: uri, Dial: tap.Dial}), dial(t, transport.Config{URI: uri})
		park(t, other, "bills", 100)
		d := open(t, c, "bills")
		if _, err := d.Prepare(limit(t)); err != nil {
			t.Fatal(err)
		}
		n := 0
		_, err := d.Take(limit(t), parked.Work{Do: func(ctx context.Context, m *parked.Message) error {
			err := d.Replay(ctx, m)
			if n++; n == 50 {
				tap.Cut()
			}
			return err
		}})
		if err == nil {
			t.Error("got no error, want that the connection was lost")
		}
		left, replayed := 0, 0
		hosttest.Eventually(t, "the messages that were not taken are back", func() bool {
			var err, retryErr error
			left, _, err = other.Inspect(limit(t), "gomeko.dead.bills")
			replayed, _, retryErr = other.Inspect(limit(t), "gomeko.retry.bills")
			return err == nil && retryErr == nil && left+replayed >= 100
		})
		if left+replayed > 101 || replayed < 50 {
			t.Errorf("got %d replayed and %d left of 100 messages, want at most one of them twice", replayed, left)
		}
	})
}

// TestLostWhileEditing loses the connection while a message is edited. It is not replayed, because
// it is back in its queue.
func TestLostWhileEditing(t *testing.T) {
	var tap brokertest.Tap
	uri := brokertest.Embedded(t)
	c := dial(t, transport.Config{URI: uri, Dial: tap.Dial})
	park(t, c, "bills", 3)
	d := open(t, c, "bills")
	lose := func(context.Context, *parked.Message) error {
		tap.Cut()
		hosttest.Eventually(t, "the loss", func() bool { return !c.Away().IsZero() })
		hosttest.Eventually(t, "the next connection", func() bool { return c.Away().IsZero() })
		return nil
	}
	never := func(context.Context, *parked.Message) error {
		t.Error("the message was replayed")
		return nil
	}
	if got, err := d.Take(limit(t), parked.Work{Edit: lose, Do: never}); !errors.Is(err, parked.ErrLost) || got.Taken != 0 {
		t.Errorf("got %+v, %v, want ErrLost", got, err)
	}
}

// TestInterrupted interrupts a replay.
func TestInterrupted(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	park(t, c, "bills", 20)
	d := open(t, c, "bills")
	ctx, cancel := context.WithCancel(limit(t))
	got, err := d.Take(ctx, parked.Work{Rate: 1e6, Do: func(_ context.Context, m *parked.Message) error {
		if strings.HasPrefix(m.Error, "order 4:") {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || got.Taken != 5 {
		t.Errorf("got %+v, %v, want 5 taken and that it was cancelled", got, err)
	}
	if got := bodies(t, d); !slices.Equal(got, numbers(5, 20)) {
		t.Errorf("got %v left", got)
	}
}

// TestGroups groups messages whose errors only differ in numbers.
func TestGroups(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	at := time.Unix(1700000000, 0).UTC()
	park(t, c, "bills", 12,
		deadletter.Original{ErrorType: "*pq.Error", Error: "order 1: no table\nmore", First: at, Last: at.Add(time.Minute)},
		deadletter.Original{ErrorType: "*pq.Error", Error: "order 22: no table", First: at.Add(-time.Minute), Last: at},
		deadletter.Original{ErrorType: "Hidden", Error: "the password is 1234", Sensitive: true},
		deadletter.Original{ErrorType: "Broke", Error: "Broke: no money"})
	if err := c.Publish(limit(t), transport.Publishing{Key: "gomeko.dead.bills", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	look, err := open(t, c, "bills").Look(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []parked.Group{
		{Queue: "bills", Error: "*pq.Error: order #: no table", Count: 6, First: at.Add(-time.Minute), Last: at.Add(time.Minute)},
		{Queue: "bills", Error: "Broke: no money", Count: 3},
		{Queue: "bills", Error: "Hidden", Count: 3},
		{Queue: "bills", Error: "(not parked by a service)", Count: 1},
	}
	if got := parked.Groups(look.Messages); !slices.Equal(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

// TestExport exports the parked messages, drops them and imports them.
func TestExport(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, transport.Config{URI: uri})
		var queues deadletter.Queues
		if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{queues.Dead("bills")}}); err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{`{"a": "ä\u0000"}`, "\x80\xff"} {
			d := &transport.Delivery{Body: []byte(body)}
			d.Properties = transport.Properties{
				ContentType: "application/json", MessageID: "m", CorrelationID: "c", ReplyTo: "r", Priority: 4, Type: "t", AppID: "a",
				Timestamp: time.Unix(1700000000, 0), Expiration: time.Minute,
				Headers: transport.Table{
					"CC": []any{"nobody"}, "int": int64(5), "float": 2.5, "bytes": []byte("\x00\xff"), "at": time.Unix(1700000000, 0), "none": nil,
					"table": transport.Table{"list": []any{"x", true}},
				},
			}
			o := deadletter.Original{Queue: "bills", Exchange: "shop", Key: "k", Error: "\x1b[31m", First: time.Unix(1700000000, 0), Sensitive: true, Attempts: 3}
			if err := c.Publish(limit(t), queues.Publishing(d, o)); err != nil {
				t.Fatal(err)
			}
		}
		d := open(t, c, "bills")
		export := func() (lines []string) {
			look, err := d.Look(limit(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range look.Messages {
				line, err := m.Export()
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, string(line))
			}
			return lines
		}
		before := export()
		if _, err := d.Take(limit(t), parked.Work{Do: d.Drop}); err != nil {
			t.Fatal(err)
		}
		file := strings.Join(before, "\n\n") // without a newline at the end
		if n, err := parked.Import(limit(t), c, strings.NewReader(file), queues, nil); n != 2 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		if after := export(); !slices.Equal(before, after) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
	})
}

// TestImportOfOtherFiles imports files that are not exports.
func TestImportOfOtherFiles(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t), MaxMessage: 1000})
	for line, want := range map[string]string{
		"hello":                         "line 1: invalid character",
		`{"queue": "q"}`:                "line 1: has no queue, or no body",
		`{"queue": "q", "other": 1}`:    `line 1: json: unknown field "other"`,
		`{"queue": "", "headers": "x"}`: "line 1: has no queue",
		`{"queue": "q", "headers": {"gomeko.original": {}, "CC": ["other"]}, "body": ""}`:                 "line 1: has a header CC",
		`{"queue": "q", "headers": {"gomeko.original": {}}, "body": "` + strings.Repeat("x", 1001) + `"}`: "line 1: ",
		strings.Repeat("x", 2<<20): "line 1: is longer than",
	} {
		if n, err := parked.Import(limit(t), c, strings.NewReader(line), deadletter.Queues{}, nil); n != 0 || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40s: got %d, %v, want %s", line, n, err, want)
		}
	}
}

// TestViewsHideSecrets shows messages with secrets in all of their parts.
func TestViewsHideSecrets(t *testing.T) {
	c := dial(t, transport.Config{URI: brokertest.Embedded(t)})
	var queues deadletter.Queues
	if err := c.Declare(limit(t), transport.Topology{Queues: []transport.Queue{queues.Dead("q")}}); err != nil {
		t.Fatal(err)
	}
	const planted = "hunter2-planted"
	for _, sensitive := range []bool{false, true} {
		body := `{"user": "ann", "password": "` + planted + `", "deep": [{"api_key": "` + planted + `"}], "uri": "amqp://u:` + planted + `@h/"}`
		if sensitive {
			body = `{"card": "` + planted + `"}`
		}
		d := &transport.Delivery{Body: []byte(body)}
		d.ContentType = "application/json"
		d.Headers = transport.Table{"nameko.auth_token": planted, "nameko.locale": "de"}
		o := deadletter.Original{Queue: "q", Error: "password=" + planted, Stack: "token=" + planted, Sensitive: sensitive}
		if sensitive {
			o.Error, o.Stack = planted, planted
		}
		if err := c.Publish(limit(t), queues.Publishing(d, o)); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, c, "q")
	look, err := d.Look(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range look.Messages {
		text, err := json.Marshal(d.View(limit(t), m, true))
		if err != nil || bytes.Contains(text, []byte(planted)) || !bytes.Contains(text, []byte(`"nameko.locale":"de"`)) {
			t.Errorf("message %d: got %s, %v, want no secret", i, text, err)
		}
		if strings.Contains(m.Kind(), planted) && m.Sensitive {
			t.Errorf("message %d: got the kind %s", i, m.Kind())
		}
	}
	if _, err := d.Text(limit(t), look.Messages[1]); !errors.Is(err, parked.ErrSensitive) {
		t.Errorf("got %v, want that a sensitive message is not edited", err)
	}
}
