package rpc_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// openSerializers replays each vector to its own service. In msgpack, both sides send what Nameko
// sent, byte for byte, and a service answers in the format of the request. Python's pickle, which
// runs the sender's code, and YAML are refused, in a format that their senders can read.
func openSerializers(_ *testing.T, uri string) replay {
	return func(t *testing.T, v brokertest.Vector) string {
		broker := transport.Config{URI: uri}
		if v.Name == "not_accepted_is_acked_and_dropped" {
			broker.Accept = codec.Set{codec.JSON}
		}
		server := startOn(t, service.Config{}, broker, new(Echo))
		_, ours := calls[v.Name]
		if !ours {
			return refusedIn(t, server, newPeer(t, uri), v)
		}
		var tap tap
		conn := dialBroker(t, transport.Config{URI: uri, Codec: msgpack.Codec}, rpc.Config{Timeout: -1}, &tap)
		return lines(called(t, conn, &tap, v), served(t, server, newPeer(t, uri), v))
	}
}

// refusedIn checks that a request in a codec that we do not read is refused in that codec.
func refusedIn(t *testing.T, server *process, peer *peer, v brokertest.Vector) string {
	t.Helper()
	difference := served(t, server, peer, v)
	sent := server.tap.published(t)
	reply, contentType := sent[len(sent)-1], v.Messages[0].Properties["content_type"]
	if !bytes.Contains(reply.Body, []byte("nameko.exceptions.MalformedRequest")) || reply.Properties["content_type"] != contentType {
		t.Errorf("got %v %q, want a MalformedRequest in %v", reply.Properties, reply.Body, contentType)
	}
	return difference
}

// In every codec, compressed or not, arguments and results arrive unchanged.
func TestCodecs(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		for _, c := range []codec.Codec{nil, codec.JSON, codec.TypedJSON, msgpack.Codec} {
			for _, compress := range []bool{false, true} {
				client := dialBroker(t, transport.Config{URI: uri, Codec: c}, rpc.Config{Compress: compress}, nil).Client("vec_echo")
				args := []any{rpc.Kwargs{"value", []any{"text", 2.0, strings.Repeat("long ", 1000), map[string]any{"b": true}}}}
				want := `[]interface {}{"text", "2.0", "` + strings.Repeat("long ", 1000) + `", map[string]interface {}{"b":true}}`
				var got any
				if err := client.Call(t.Context(), "echo", &got, args...); err != nil || fmt.Sprintf("%#v", got) != want {
					t.Errorf("%T, compressed: %t: got %.100v, %v", c, compress, got, err)
				}
			}
		}
	})
}

// hidden is a codec with only the four methods of codec.Codec.
type hidden struct{ codec.Codec }

func (hidden) ContentType() string { return "application/x-hidden" }

// A codec that cannot split data decodes a request and encodes its arguments again.
func TestCodecIsNotASplitter(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		broker := transport.Config{URI: uri, Codec: hidden{codec.JSON}}
		startOn(t, service.Config{}, broker, new(Echo))
		client := dialBroker(t, broker, rpc.Config{}, nil).Client("vec_echo")
		var got any
		err := client.Call(t.Context(), "echo", &got, rpc.Kwargs{"value", []any{"text", 2.0, nil, map[string]any{"b": true}}})
		if want := `[]interface {}{"text", "2.0", interface {}(nil), map[string]interface {}{"b":true}}`; err != nil || fmt.Sprintf("%#v", got) != want {
			t.Errorf("got %#v, %v, want %s", got, err, want)
		}
		err = client.Call(t.Context(), "noargs", nil, 1)
		if !errors.Is(err, rpc.ErrIncorrectSignature) {
			t.Errorf("got %v, want %v", err, rpc.ErrIncorrectSignature)
		}
	})
}

// A single call may use another codec than the rest, and be compressed.
func TestCodecOption(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		var tap tap
		client := dial(t, uri, rpc.Config{}, &tap).Client("vec_echo")
		ctx := rpc.With(t.Context(), rpc.Codec(msgpack.Codec), rpc.Compress())
		var got []byte
		if err := client.Call(ctx, "echo", &got, []byte{0xff}); err != nil || !reflect.DeepEqual(got, []byte{0xff}) {
			t.Errorf("got %x, %v, want ff", got, err)
		}
		sent := tap.published(t)
		p := sent[len(sent)-1].Properties
		headers, _ := p["headers"].(map[string]any)
		if p["content_type"] != "application/x-msgpack" || headers["compression"] != "application/x-gzip" {
			t.Errorf("got %v, want msgpack, compressed", p)
		}
	})
}

// A service that accepts one codec answers a request in another with an error that says so. A body
// that is too large when decompressed is refused.
func TestNotAccepted(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startOn(t, service.Config{}, transport.Config{URI: uri, Accept: codec.Set{codec.JSON}}, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		err := client.Call(rpc.With(t.Context(), rpc.Codec(msgpack.Codec)), "echo", nil, 1)
		want := `MalformedRequest: content_type "application/x-msgpack" is not accepted: send application/json`
		if !errors.Is(err, rpc.ErrMalformedRequest) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		err = client.Call(rpc.With(t.Context(), rpc.Compress()), "echo", nil, strings.Repeat("x", maxMessage))
		want = fmt.Sprintf("MalformedRequest: decompressed body is over max_message, %d bytes", maxMessage)
		if !errors.Is(err, rpc.ErrMalformedRequest) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		err = client.Call(rpc.With(t.Context(), rpc.Codec(msgpack.Codec)), "echo", nil, uint64(math.MaxUint64), make(chan int))
		if err == nil || !strings.HasPrefix(err.Error(), "vec_echo.echo: cannot encode as msgpack: args[1]: ") {
			t.Errorf("got %v, want what cannot be written", err)
		}
	})
}
