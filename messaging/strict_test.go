package messaging_test

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Register receives orders whose lines have required members.
type Register struct {
	_ service.Name `service:"register"`

	Entrypoints struct {
		Enter  messaging.Consumer `messaging:"orders"`
		Loose  messaging.Consumer `messaging:"loose" lenient:"true" method:"Enter"`
		Secret messaging.Consumer `messaging:"secret" sensitive:"payload" method:"Enter"`
	}

	entered chan entry
}

type entry struct {
	ID    int `json:"id"`
	Lines []struct {
		Quantity int    `json:"quantity"`
		Unit     string `json:"unit" default:"'piece'"`
	} `json:"lines"`
}

func (l *Register) Enter(_ context.Context, e entry) error {
	l.entered <- e
	return nil
}

// A payload that lacks a member reaches the method, and an ERROR with the member's path is logged.
// A message that does not fit in another way is dropped, as before.
func TestMissingMembers(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	register := &Register{entered: make(chan entry, 1)}
	p := start(t, uri, register)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	send := func(queue, contentType, body string) {
		t.Helper()
		m := transport.Publishing{Key: queue, Properties: transport.Properties{ContentType: contentType}, Body: []byte(body)}
		if err := conn.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := msgpack.Codec.Encode(map[string]any{"id": 3, "lines": []any{map[string]any{}}})
	if err != nil {
		t.Fatal(err)
	}
	const json, incomplete = "application/json", "payload is incomplete: the method runs with zero values"
	for _, test := range []struct{ queue, contentType, body, want string }{
		{"orders", json, `{"id": 1, "lines": [{"quantity": 2}]}`, ""},
		{"orders", json, `{"id": 2, "lines": [{"quantity": 2, "unit": "kg"}, {}]}`, `err="lines[1].quantity: is missing"`},
		{"orders", "application/x-msgpack", string(packed), `err="lines[0].quantity: is missing"`},
		{"orders", json, `{"bad": 1}`, `err="id: is missing"`},
		{"loose", json, `{"bad": 1}`, ""},
		{"secret", json, `{"bad": 1}`, "err=" + service.Redacted},
	} {
		before := len(p.Log.Lines(incomplete))
		send(test.queue, test.contentType, test.body)
		got := hosttest.Receive(t, "the call", register.entered)
		lines := p.Log.Lines(incomplete)[before:]
		switch {
		case test.want == "" && len(lines) > 0:
			t.Errorf("%s %s: got %q", test.queue, test.body, lines)
		case test.want == "":
		case len(lines) != 1 || len(p.Log.Lines("level=ERROR", incomplete, "queue="+test.queue, test.want)) == 0:
			t.Errorf("%s %s: got %q, want an ERROR with %s", test.queue, test.body, lines, test.want)
		}
		if got.ID == 1 && got.Lines[0].Unit != "piece" {
			t.Errorf("got %+v, want the default of unit", got)
		}
	}
	send("orders", json, `{"id": "x"}`)
	p.Log.Wait(t, 1, "message dropped: it cannot be read", "a string does not fit int")
	send("orders", json, `{"lines": 7}`)
	p.Log.Wait(t, 1, "message dropped: it cannot be read", "lines: a number does not fit")
}
