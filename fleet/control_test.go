package fleet_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Orders has a method that waits, and one that fails.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Wait rpc.Method `rpc:"wait(pin)"`
		Fail rpc.Method `rpc:"fail"`
	}

	waits   chan struct{}
	release chan struct{}
}

func newOrders() *Orders {
	return &Orders{waits: make(chan struct{}), release: make(chan struct{})}
}

func (o *Orders) Wait(context.Context, int) error {
	o.waits <- struct{}{}
	<-o.release
	return nil
}

func (o *Orders) Fail(context.Context) error { return fmt.Errorf("no") }

// Bills has one method.
type Bills struct {
	_ service.Name `service:"bills"`

	Entrypoints struct {
		Bill rpc.Method `rpc:"bill"`
	}
}

func (*Bills) Bill(context.Context) error { return nil }

// run starts a process that answers verbs.
func run(t *testing.T, uri string, cfg fleet.ControlConfig, services ...any) *hosttest.Host {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, append(services, service.Configure(fleet.Control(cfg)))...)
}

func survey(t *testing.T, conn *transport.Conn, q fleet.Question) fleet.Answers {
	t.Helper()
	q.Wait = cmp.Or(q.Wait, 10*time.Second) // a complete survey ends earlier
	answers, err := fleet.Survey(t.Context(), conn, q)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// only returns the answer of the only process, decoded.
func only[T any](t *testing.T, answers fleet.Answers) (v T) {
	t.Helper()
	if len(answers.Answers) != 1 || answers.Answers[0].Error != "" {
		t.Fatalf("got the answers %+v, want one", answers)
	}
	if err := json.Unmarshal(answers.Answers[0].Answer, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSurvey asks processes of two services, before and after one of them stops, and with another
// consumer that is not a gomeko process.
func TestSurvey(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		if got := survey(t, conn, fleet.Question{Verb: "ping"}); len(got.Answers) != 0 {
			t.Errorf("before there is a process: got %+v", got)
		}
		first := run(t, uri, fleet.ControlConfig{Version: "v1.2.3"}, newOrders())
		run(t, uri, fleet.ControlConfig{}, newOrders(), new(Bills))
		got := survey(t, conn, fleet.Question{Verb: "ping"})
		want := []fleet.Count{{Service: "bills", Answered: 1}, {Service: "orders", Answered: 2}}
		if fmt.Sprint(got.Counts) != fmt.Sprint(want) || !got.Complete() || len(got.Answers) != 2 {
			t.Errorf("got %+v, want the counts %v", got, want)
		}
		self := first.Host().Instance()
		got = survey(t, conn, fleet.Question{Verb: "ping", Service: "orders", Instance: self})
		if len(got.Answers) != 1 || got.Answers[0].Instance != self || got.Answers[0].Services[0].Version != "v1.2.3" {
			t.Errorf("got the answers %+v, want that of %s", got.Answers, self)
		}

		ch := brokertest.Channel(t, uri)
		if _, err := ch.Consume("rpc-orders", "python", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		hosttest.Close(t, first.Stop)
		got = survey(t, conn, fleet.Question{Verb: "ping", Service: "orders", Wait: 2 * time.Second})
		want = []fleet.Count{{Service: "orders", Answered: 1, Others: 1}}
		if fmt.Sprint(got.Counts) != fmt.Sprint(want) || got.Complete() {
			t.Errorf("with a consumer in Python: got the counts %v, want %v", got.Counts, want)
		}
		if _, err := fleet.Survey(t.Context(), conn, fleet.Question{Verb: "explode"}); err == nil {
			t.Error("got no error for an unknown verb")
		}
	})
}

// TestStats counts calls.
func TestStats(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		orders := newOrders()
		run(t, uri, fleet.ControlConfig{URL: func() string { return "http://here" }}, orders)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
		waiting := caller.Client("orders").Go(t.Context(), "wait", 1)
		hosttest.Receive(t, "the method", orders.waits)
		for range 3 {
			if err := caller.Client("orders").Call(t.Context(), "fail", nil); err == nil {
				t.Fatal("got no error")
			}
		}
		read := func() map[string]fleet.RowStats {
			s := only[fleet.Stats](t, survey(t, conn, fleet.Question{Verb: "stats", Service: "orders"}))
			if s.URL != "http://here" || s.PID == 0 || s.Host == "" || time.Since(s.Started) > time.Hour || len(s.Services) != 1 || s.Services[0].Workers != 100 {
				t.Errorf("got %+v", s)
			}
			rows := map[string]fleet.RowStats{}
			for _, r := range s.Services[0].Rows {
				rows[r.Row] = r
			}
			return rows
		}
		rows := read()
		if wait, fail := rows["Wait"], rows["Fail"]; wait.Running != 1 || wait.Calls() != 0 || wait.Kind != "rpc" || fail.Running != 0 || fail.Calls() != 3 ||
			fail.Errors() != 3 || fail.Outcomes["fault"] != 3 || fail.Quantile(0.99) <= 0 {
			t.Errorf("got %+v and %+v, want one call that runs and three that failed", wait, fail)
		}
		close(orders.release)
		if err := waiting.Result(t.Context(), nil); err != nil {
			t.Error(err)
		}
		hosttest.Eventually(t, "the end of the call in the statistics", func() bool {
			wait := read()["Wait"]
			return wait.Running == 0 && wait.Outcomes["ok"] == 1 && wait.Errors() == 0
		})
		for _, verb := range []string{"info", "health"} {
			only[map[string]any](t, survey(t, conn, fleet.Question{Verb: verb}))
		}
	})
}

// TestDump shows a running call, and logs who asked.
func TestDump(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		orders := newOrders()
		h := run(t, uri, fleet.ControlConfig{Access: fleet.AccessFull}, orders)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		waiting := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("orders").Go(t.Context(), "wait", 4660)
		hosttest.Receive(t, "the method", orders.waits)
		d := only[fleet.Dump](t, survey(t, conn, fleet.Question{Verb: "dump"}))
		if len(d.Calls) != 1 || d.Calls[0].Method != "wait" || d.Calls[0].State != "running" || !strings.Contains(d.Calls[0].Stack, "(*Orders).Wait(…)") {
			t.Errorf("got %+v, want the call that waits", d)
		}
		if len(d.Calls) > 0 && strings.Contains(d.Calls[0].Stack, "0x1234") {
			t.Errorf("got an argument in the stack %s", d.Calls[0].Stack)
		}
		h.Log.Wait(t, 1, "calls dumped", "user_id=guest")
		close(orders.release)
		if err := waiting.Result(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
}

// TestLevel changes the level of a process's log, which returns to its old value automatically.
func TestLevel(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		level := new(slog.LevelVar)
		h := run(t, uri, fleet.ControlConfig{Access: fleet.AccessFull, Level: level}, newOrders())
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		ask := func(change fleet.LevelChange) fleet.Answers {
			return survey(t, conn, fleet.Question{Verb: "level", Service: "orders", Arguments: change})
		}
		for _, odd := range []fleet.LevelChange{{"loud", "5m"}, {"debug", "soon"}, {"debug", "-1s"}, {"debug", "25h"}} {
			if got := ask(odd); len(got.Answers) != 1 || got.Answers[0].Error == "" || level.Level() != slog.LevelInfo {
				t.Errorf("%v: got %+v, want an error", odd, got)
			}
		}
		if got := only[fleet.LevelChange](t, ask(fleet.LevelChange{"error", "1h"})); got != (fleet.LevelChange{"ERROR", "1h0m0s"}) || level.Level() != slog.LevelError {
			t.Errorf("got %v and the level %s, want ERROR", got, level.Level())
		}
		h.Log.Wait(t, 1, "log level changed", "user_id=guest", "for=1h0m0s")
		only[fleet.LevelChange](t, ask(fleet.LevelChange{"debug", "100ms"}))
		h.Log.Wait(t, 1, "log level restored")
		if level.Level() != slog.LevelInfo {
			t.Errorf("got the level %s, want INFO again", level.Level())
		}
	})
}

// TestAccess asks processes that refuse some verbs.
func TestAccess(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	run(t, uri, fleet.ControlConfig{Access: fleet.AccessOff}, new(Bills))
	run(t, uri, fleet.ControlConfig{}, newOrders())
	for verb, want := range map[string]string{"stats": "", "dump": "set gomeko.control to full", "level": "set gomeko.control to full"} {
		got := survey(t, conn, fleet.Question{Verb: verb})
		if len(got.Answers) != 1 || !strings.Contains(got.Answers[0].Error, want) || want == "" && got.Answers[0].Error != "" {
			t.Errorf("%s: got %+v, want one answer with the error %q", verb, got, want)
		}
	}
	if _, err := hosttest.New(t, hosttest.Config{}, new(Bills), service.Configure(fleet.Control(fleet.ControlConfig{Access: "all"}))); err == nil || !strings.Contains(err.Error(), "must be off, read or full") {
		t.Errorf("got %v, want a mistake", err)
	}
}

// TestForgedAnswers sends answers to a survey that no process would send.
func TestForgedAnswers(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	run(t, uri, fleet.ControlConfig{}, newOrders())
	ch := brokertest.Channel(t, uri)
	questions := brokertest.Bind(t, ch, "gomeko.control", "stats.orders.nobody")
	done := make(chan fleet.Answers, 1)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	go func() {
		answers, _ := fleet.Survey(t.Context(), conn, fleet.Question{Verb: "stats", Service: "orders", Instance: "nobody"})
		done <- answers
	}()
	q := hosttest.Next(t, questions)
	for id, body := range map[string]string{
		"guessed":             `{"schema": "gomeko.stats/v1", "instance": "a"}`,
		q.CorrelationId:       `{"schema": "gomeko.stats/v2", "instance": "b"}`,
		q.CorrelationId + "+": `{"schema": "gomeko.stats/v1", "instance": "c"}`,
	} {
		if err := ch.Publish("", q.ReplyTo, false, false, amqp.Publishing{CorrelationId: id, Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := hosttest.Receive(t, "the answers", done); len(got.Answers) != 0 {
		t.Errorf("got %+v, want no answer", got)
	}
}
