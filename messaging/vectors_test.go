package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Msg has the publishers of the captured service.
type Msg struct {
	_ service.Name `service:"vec_msg"`

	Entrypoints struct {
		Go rpc.Method `rpc:"go(case, payload)"`
	}

	Plain     messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"vec_rk"`
	Default   messaging.Publisher `queue:"vec_msg_q"`
	Opts      messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"vec_rk" persistent:"false" priority:"5" expiration:"10s"`
	Zlib      messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"vec_rk" compression:"zlib"`
	Declared  messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"declared" queue:"vec_msg_declared_q"`
	Mandatory messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"nobody" mandatory:"true"`
}

// Go publishes like the captured service did in the case called name.
func (m *Msg) Go(ctx context.Context, name string, payload any) error {
	switch name {
	case "default_exchange":
		return m.Default(ctx, payload)
	case "opts":
		return m.Opts(ctx, payload, func(p *transport.Publishing) {
			p.Headers["x-static"], p.Headers["x-call"] = "1", "2"
		})
	case "zlib":
		return m.Zlib(ctx, payload)
	case "declared":
		return m.Declared(ctx, payload)
	case "expiration_call":
		return m.Plain(ctx, payload, func(p *transport.Publishing) {
			p.Expiration, p.Priority = 500*time.Millisecond, 9
			p.MessageID, p.Type, p.AppID = "mid-1", "t", "app"
		})
	case "mandatory_unroutable":
		err := m.Mandatory(ctx, payload)
		if !errors.As(err, new(*transport.Returned)) {
			return errors.New("want *transport.Returned")
		}
		return nil
	}
	return m.Plain(ctx, payload)
}

// TestVectors publishes the captured messages, and compares them with Nameko's. It writes
// docs/wire/messaging.md.
func TestVectors(t *testing.T) {
	vectors := brokertest.Vectors(t, "messaging")
	found := golden.Outcomes{}
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := start(t, uri, &Msg{})
		msg := caller(t, uri).Client("vec_msg")
		for _, v := range vectors {
			want := v.Messages[0]
			body := want.Content()
			if v.Name == "zlib" { // a receiver does not see how well a body is compressed
				body = inflated(t, body)
				want.Binary = body
			}
			if err := msg.Call(t.Context(), "go", nil, v.Name, json.RawMessage(body)); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			got := last(t, p, want.Exchange, want.Key)
			if v.Name == "zlib" {
				got.Body = inflated(t, got.Body)
			}
			found.Note(v.Name, got.Difference(want))
		}
	})
	names := make([]string, len(vectors))
	for i, v := range vectors {
		names[i] = v.Name
	}
	golden.Table(t, "messaging", "This page compares the messages of a `messaging.Publisher` with those of Nameko's `Publisher`:\n"+
		"exchange, key, flags, properties, the types of headers, and the body. Declarations and consumers are\n"+
		"compared in [events](events.md).",
		found.Rows(t, "messaging", names, nil))
}

// last returns the last message that was sent to the exchange with the key.
func last(t *testing.T, p *process, exchange, key string) (found brokertest.Published) {
	t.Helper()
	for _, m := range p.tap.Published(t) {
		if m.Exchange == exchange && m.Key == key {
			found = m
		}
	}
	return found
}

func inflated(t *testing.T, body []byte) []byte {
	t.Helper()
	body, err := codec.Inflate(codec.Zlib, body, maxMessage)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
