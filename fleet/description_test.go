package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestDescribe asks for the descriptions of a service that runs in three processes of two versions.
// One process of each version answers.
func TestDescribe(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		for _, version := range []string{"v1.0.0", "v2.0.0", "v1.0.0"} {
			run(t, uri, fleet.ControlConfig{Version: version}, new(Orders), new(Bills))
		}
		documents, err := fleet.Describe(t.Context(), conn, "orders", 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(documents) != 2 || documents[0].Version != "v1.0.0" || documents[1].Version != "v2.0.0" || documents[0].Service != "orders" {
			t.Errorf("got %+v, want one document of each version", documents)
		}
		var text bytes.Buffer
		if err := documents[0].Print(&text); err != nil || !strings.HasPrefix(text.String(), "orders v1.0.0\n") {
			t.Errorf("got %s, %v", &text, err)
		}
		for name, want := range map[string]string{
			"oders":  "service oders: cannot be described: no process of it runs: did you mean orders?",
			"unlike": "service unlike: cannot be described: no process of it runs: these services run: bills, orders",
		} {
			_, err := fleet.Describe(t.Context(), conn, name, 2*time.Second)
			if !errors.Is(err, fleet.ErrUndescribed) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

// If the processes of a service do not answer, the error says why it cannot be described.
func TestDescribeSilent(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	if _, err := fleet.Describe(t.Context(), conn, "orders", 100*time.Millisecond); err == nil ||
		!strings.HasSuffix(err.Error(), "no process of it runs: start it, or describe its package") {
		t.Errorf("got %v", err)
	}
	run(t, uri, fleet.ControlConfig{Access: fleet.AccessOff}, new(Orders))
	if _, err := fleet.Describe(t.Context(), conn, "orders", 100*time.Millisecond); !errors.Is(err, fleet.ErrUndescribed) ||
		!strings.Contains(err.Error(), "its consumers do not answer") {
		t.Errorf("got %v", err)
	}
}

// Answers that are not descriptions are errors.
func TestDescribeMalformed(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"services": 7}`:      "impostor/1-aaaa: answer cannot be read: ",
		`{"services": [null]}`: "impostor/1-aaaa: answer has no description of service orders",
		`{}`:                   "impostor/1-aaaa: answer has no description of service orders",
		``:                     "impostor/1-aaaa: answer cannot be read: ",
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			conn := hosttest.Dial(t, transport.Config{URI: brokertest.Embedded(t)})
			impostor(t, conn, answer)
			_, err := fleet.Describe(t.Context(), conn, "orders", 10*time.Second)
			if !errors.Is(err, fleet.ErrUndescribed) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// impostor answers ping and describe as a process of the service orders.
func impostor(t *testing.T, conn *transport.Conn, answer string) {
	t.Helper()
	const queue = "impostor"
	if err := conn.Declare(t.Context(), transport.Topology{
		Exchanges: []transport.Exchange{{Name: control.Exchange, Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: queue, AutoDelete: true, Exclusive: true}},
		Bindings:  []transport.Binding{{Queue: queue, Exchange: control.Exchange, Key: "#"}},
	}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context()) // it may be answering when the test ends
	consumer, err := conn.Consume(ctx, transport.Consume{Queue: queue, Prefetch: 1, Handle: func(d *transport.Delivery) {
		defer d.Ack()
		verb, _, _ := strings.Cut(d.Key, ".")
		a := fleet.Answer{
			Schema: control.SchemaOf(control.Verb(verb)), Instance: "impostor/1-aaaa", Services: []fleet.AnsweringService{{Name: "orders"}},
		}
		if verb == string(control.Describe) {
			a.Answer = json.RawMessage(answer)
		}
		body, err := json.Marshal(a)
		if err != nil {
			t.Error(err)
		}
		if err := conn.Publish(ctx, transport.Publishing{Key: d.ReplyTo, Body: body, Properties: transport.Properties{
			ContentType: "application/json", CorrelationID: d.CorrelationID,
		}}); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = consumer.Close(ctx) })
}
