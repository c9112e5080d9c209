package runner

import (
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestDeadForged shows a message with texts that look like lines of the command. None of them
// begins a line.
func TestDeadForged(t *testing.T) {
	uri := brokertest.Embedded(t)
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Fatal(err)
	}
	defer hosttest.Close(t, conn.Close)
	parkSome(t, conn, "bills", 0)
	const forged = "x\nreason     forged\n\x1b[31m"
	err = brokertest.Channel(t, uri).Publish("", "gomeko.dead.bills", false, false, amqp.Publishing{
		Body: []byte(forged), ContentType: forged, ReplyTo: forged,
		Headers: amqp.Table{forged: forged, "gomeko.original": amqp.Table{
			"id": forged, "service": forged, "row": forged, "reason": forged, "host": forged, "exchange": forged, "key": forged,
			"error_type": forged, "error": forged, "stack": forged, "left_out": []any{forged},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := deadStage{t, uri, conn}
	s.parked(1)
	for _, args := range []string{"dead ls bills", "dead show bills", "dead show bills --json", "dead ls bills --json", "dead export bills", "dead drop bills x_y"} {
		var out, diagnostics strings.Builder
		c := &command{in: nil, out: &out, err: &diagnostics}
		words := strings.Fields(args)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "_", "\n\x1b")
		}
		_ = c.execute(c.gomeko(), append(words, "--broker="+uri))
		got := out.String() + diagnostics.String()
		if strings.Contains(got, "\nreason     forged") || strings.Contains(got, "\x1b") {
			t.Errorf("gomeko %s: got %q", args, got)
		}
	}
}
