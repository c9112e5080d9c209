package rpc_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// msgpackCalls are the arguments of the captured calls in msgpack, in Go.
var msgpackCalls = map[string]any{
	"msgpack_int_list": []any{1, "two", nil, true, 1.5}, "msgpack_unicode": "hé 🚀",
	"msgpack_dict": map[string]any{"a": map[string]any{"b": []any{1}}}, "msgpack_big": uint64(1 << 63),
	"msgpack_bytes": []byte{0, 0xff}, "msgpack_error": "multi",
	"reply_follows_request_content_type": 1, "not_accepted_is_acked_and_dropped": 1,
}

// In msgpack both sides send what Nameko sent, byte for byte, and a service answers in what it was asked in. Python's
// pickle, which runs what the sender wants, and YAML are refused, in what their senders can read.
func TestSerializerVectors(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server, peer := start(t, uri, new(Echo)), newPeer(t, uri)
		var tap tap
		client := dialBroker(t, transport.Config{URI: uri, Codec: transport.MessagePack}, rpc.Config{}, &tap).Client("vec_echo")
		for _, v := range load(t, "serializers") {
			if len(v.Messages) == 0 { // nothing was sent
				continue
			}
			t.Run(v.Name, func(t *testing.T) {
				request := v.Messages[0]
				replies := peer.bind(replyKey)
				p := request.publishing(t)
				p.ReplyTo = replyKey
				peer.publish(request.Key, p)
				reply := next(t, replies)
				arg, ok := msgpackCalls[v.Name]
				if !ok {
					if !bytes.Contains(reply.Body, []byte("nameko.exceptions.MalformedRequest")) || reply.ContentType != p.ContentType {
						t.Errorf("got %s %q, want a MalformedRequest in %s", reply.ContentType, reply.Body, p.ContentType)
					}
					return
				}
				if len(v.Messages) > 1 {
					want := v.Messages[1]
					want.Key = replyKey
					sent := server.tap.published(t)
					equalBytes(t, sent[len(sent)-1], want)
				}
				method := strings.TrimPrefix(request.Key, "vec_echo.")
				var result any
				err := client.Call(t.Context(), method, &result, arg)
				if remote := (*rpc.Error)(nil); err != nil && !errors.As(err, &remote) {
					t.Error(err)
				}
				sent := tap.published(t)
				got := sent[len(sent)-1]
				delete(got.Properties, "expiration")
				equalBytes(t, got, request)
			})
		}
	})
}

// equalBytes compares a published message with a captured one: the body to the byte.
func equalBytes(t *testing.T, got published, want message) {
	t.Helper()
	if !bytes.Equal(got.Body, want.body(t)) {
		t.Errorf("got body %x, want %x", got.Body, want.body(t))
	}
	got.Body, want.UTF8, want.Base64 = []byte(`{"":0}`), new(string), ""
	*want.UTF8 = `{"":0}`
	equal(t, got, want)
}

// Whatever the codec and the compression, what is called with is what arrives and comes back.
func TestCodecs(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		for _, codec := range []transport.Codec{nil, transport.JSON, transport.TypedJSON, transport.MessagePack} {
			for _, compress := range []bool{false, true} {
				client := dialBroker(t, transport.Config{URI: uri, Codec: codec}, rpc.Config{Compress: compress}, nil).Client("vec_echo")
				args := []any{rpc.Kwargs{"value", []any{"text", 2.0, strings.Repeat("long ", 1000), map[string]any{"b": true}}}}
				want := `[]interface {}{"text", "2.0", "` + strings.Repeat("long ", 1000) + `", map[string]interface {}{"b":true}}`
				var got any
				if err := client.Call(t.Context(), "echo", &got, args...); err != nil || fmt.Sprintf("%#v", got) != want {
					t.Errorf("%T, compressed: %t: got %.100v, %v", codec, compress, got, err)
				}
			}
		}
	})
}

// One call may have another codec than the rest, and be compressed.
func TestCodecOption(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		start(t, uri, new(Echo))
		var tap tap
		client := dial(t, uri, rpc.Config{}, &tap).Client("vec_echo")
		ctx := rpc.With(t.Context(), rpc.Codec(transport.MessagePack), rpc.Compress())
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

// A service that accepts one codec says so to who sends another; what becomes too large when it is inflated is refused.
func TestNotAccepted(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startOn(t, 10, transport.Config{URI: uri, Accept: transport.Codecs{transport.JSON}}, new(Echo))
		client := dial(t, uri, rpc.Config{}, nil).Client("vec_echo")
		err := client.Call(rpc.With(t.Context(), rpc.Codec(transport.MessagePack)), "echo", nil, 1)
		want := `MalformedRequest: content_type "application/x-msgpack" is not accepted: send application/json`
		if !errors.Is(err, rpc.ErrMalformedRequest) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		err = client.Call(rpc.With(t.Context(), rpc.Compress()), "echo", nil, strings.Repeat("x", maxMessage))
		want = fmt.Sprintf("MalformedRequest: body inflates to more than max_message, %d bytes", maxMessage)
		if !errors.Is(err, rpc.ErrMalformedRequest) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		err = client.Call(rpc.With(t.Context(), rpc.Codec(transport.MessagePack)), "echo", nil, uint64(math.MaxUint64), make(chan int))
		if err == nil || !strings.HasPrefix(err.Error(), "vec_echo.echo: cannot be written as msgpack: args: ") {
			t.Errorf("got %v, want what cannot be written", err)
		}
	})
}
