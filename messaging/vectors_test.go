package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
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
	Declared  messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"declared" queue:"vec_msg_declared_q"`
	Mandatory messaging.Publisher `messaging:"vec_msg_ex" kind:"direct" key:"nobody" mandatory:"true"`
}

// Go publishes as the captured service did in the case.
func (m *Msg) Go(ctx context.Context, name string, payload any) error {
	switch name {
	case "default_exchange":
		return m.Default(ctx, payload)
	case "opts":
		return m.Opts(ctx, payload, func(p *transport.Publishing) {
			p.Headers = transport.Table{"x-static": "1", "x-call": "2"}
		})
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

// different are the vectors that we do not send, and why.
var different = map[string]string{
	"zlib": "bodies are not compressed yet",
}

// What a Go service publishes is what Nameko's did.
func TestVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		p := start(t, uri, &Msg{})
		msg := caller(t, uri).Client("vec_msg")
		for _, v := range brokertest.Vectors(t, "messaging") {
			t.Run(v.Name, func(t *testing.T) {
				if why := different[v.Name]; why != "" {
					t.Skip(why)
				}
				want := v.Messages[0]
				if err := msg.Call(t.Context(), "go", nil, v.Name, json.RawMessage(want.Body)); err != nil {
					t.Fatal(err)
				}
				var sent []brokertest.Published
				for _, p := range p.tap.Published(t) {
					if p.Exchange == want.Exchange && p.Key == want.Key {
						sent = append(sent, p)
					}
				}
				if len(sent) == 0 {
					t.Fatalf("got nothing published to %s by %s", want.Exchange, want.Key)
				}
				sent[len(sent)-1].Equal(t, want)
			})
		}
	})
}
