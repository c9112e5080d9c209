package messaging_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Post sends letters to itself.
type Post struct {
	_ service.Name `service:"post"`

	Entrypoints struct {
		Receive messaging.Consumer `messaging:"letters"`
		Post    rpc.Method         `rpc:"post(how)"`
	}

	Send   messaging.Publisher `queue:"letters"`
	Packed messaging.Publisher `queue:"letters" serializer:"msgpack" compression:"zlib"`

	received chan received
}

// A letter has values that JSON has no types for.
type letter struct {
	At   time.Time `json:"at"`
	Seal []byte    `json:"seal"`
	Text string    `json:"text"`
}

var sent = letter{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []byte{0xff, 0}, strings.Repeat("dear ", 1000)}

type received struct {
	contentType string
	compression any
	stamp       any
	size        int
	letter      letter
}

func (p *Post) Receive(_ context.Context, m messaging.Message, l letter) error {
	p.received <- received{m.ContentType, m.Headers["compression"], m.Headers["x-stamp"], len(m.Body), l}
	return nil
}

func (p *Post) Post(ctx context.Context, how string) error {
	switch how {
	case "packed":
		return p.Packed(ctx, sent, func(m *transport.Publishing) { m.Headers["x-stamp"] = "1" })
	case "packed, but not this one":
		return p.Packed(ctx, sent, func(m *transport.Publishing) {
			m.ContentType = "application/json"
			delete(m.Headers, "compression")
			m.Headers["x-stamp"] = "2"
		})
	case "zipped":
		return p.Send(ctx, sent, func(m *transport.Publishing) { m.Headers["compression"] = "zlib" })
	case "by bus":
		return p.Send(ctx, sent, func(m *transport.Publishing) { m.ContentType = "text/plain" })
	case "squeezed":
		return p.Send(ctx, sent, func(m *transport.Publishing) { m.Headers["compression"] = "bzip2" })
	}
	return p.Send(ctx, sent)
}

// TestCodecs publishes a payload in each codec, compressed or not: it arrives unchanged, with the
// right properties.
func TestCodecs(t *testing.T) {
	const json, packed, zlib = "application/json", "application/x-msgpack", "application/x-gzip"
	brokertest.Each(t, func(t *testing.T, uri string) {
		for _, test := range []struct {
			codec codec.Codec
			how   string
			want  received
		}{
			{nil, "plain", received{contentType: json}},
			{codec.TypedJSON, "plain", received{contentType: json}},
			{msgpack.Codec, "plain", received{contentType: packed}},
			{nil, "zipped", received{contentType: json, compression: zlib}},
			{nil, "packed", received{contentType: packed, compression: zlib, stamp: "1"}},
			{nil, "packed, but not this one", received{contentType: json, stamp: "2"}},
			{msgpack.Codec, "packed, but not this one", received{contentType: json, stamp: "2"}},
		} {
			got := make(chan received, 1)
			p := startOn(t, transport.Config{URI: uri, Codec: test.codec}, &Post{received: got})
			if err := caller(t, uri).Client("post").Call(t.Context(), "post", nil, test.how); err != nil {
				t.Fatal(err)
			}
			r := hosttest.Receive(t, test.how, got)
			small := r.size < len(sent.Text)
			if !r.letter.At.Equal(sent.At) || string(r.letter.Seal) != string(sent.Seal) || r.letter.Text != sent.Text {
				t.Errorf("%s: got %+v", test.how, r.letter)
			}
			r.letter, r.size = letter{}, 0
			if r.contentType != test.want.contentType || r.compression != test.want.compression || r.stamp != test.want.stamp || small != (r.compression != nil) {
				t.Errorf("%s in %T: got %+v, small %t, want %+v", test.how, test.codec, r, small, test.want)
			}
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestUnwritable asks for codecs and compressions that do not exist: publishing is an error.
func TestUnwritable(t *testing.T) {
	uri := brokertest.Embedded(t)
	start(t, uri, &Post{})
	for how, want := range map[string]string{
		"by bus":   `content_type "text/plain" has no codec: leave it out, or write application/json or application/x-msgpack`,
		"squeezed": `compression "bzip2" is not supported: write zlib, or leave it out`,
	} {
		if err := caller(t, uri).Client("post").Call(t.Context(), "post", nil, how); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", how, err, want)
		}
	}
}

// Secret has a sensitive payload.
type Secret struct {
	_ service.Name `service:"secret"`

	Entrypoints struct {
		Tell messaging.Consumer `messaging:"secrets" sensitive:"payload"`
	}

	told chan int
}

func (s *Secret) Tell(_ context.Context, n int) error { s.told <- n; return nil }

// TestNotAccepted sends messages that cannot be read: they are dropped, the log says what to change
// and shows nothing sensitive, and the consumer continues.
func TestNotAccepted(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		told, got := make(chan int, 1), make(chan received, 1)
		p := startOn(t, transport.Config{URI: uri, Accept: codec.Set{codec.JSON}}, &Post{received: got}, &Secret{told: told})
		peer, err := transport.Dial(t.Context(), transport.Config{URI: uri})
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close(context.Background())
		zipped := transport.Properties{Headers: transport.Table{"compression": "application/x-gzip"}}
		for _, test := range []struct {
			queue      string
			properties transport.Properties
			body, want string
		}{
			{"letters", transport.Properties{ContentType: "application/x-msgpack"}, "\x80", `content_type \"application/x-msgpack\" is not accepted: send application/json"`},
			{"letters", transport.Properties{ContentType: "application/json; charset=latin1"}, "{}", `is not accepted: send application/json in UTF-8"`},
			{"letters", transport.Properties{ContentEncoding: "utf-16"}, "{}", `content_encoding \"utf-16\" is not accepted`},
			{"letters", transport.Properties{Headers: transport.Table{"compression": "x-bz2"}}, "{}", `compression \"x-bz2\" is not supported`},
			{"letters", zipped, "{}", `body is not zlib`},
			{"letters", zipped, string(codec.Deflate([]byte(strings.Repeat(" ", maxMessage+1)))), `decompressed body is over max_message`},
			{"letters", zipped, string(codec.Deflate([]byte(`{"text": 1}`))), `payload: text: a number does not fit string" body="\"{\\\"text\\\": 1}\""`},
			{"letters", transport.Properties{}, `{"at": "yesterday"}`, `payload: at: `},
			{"secrets", transport.Properties{}, `"hunter2"`, `err=******** body=********`},
		} {
			m := transport.Publishing{Key: test.queue, Mandatory: true, Properties: test.properties, Body: []byte(test.body)}
			if err := peer.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			good := transport.Publishing{Key: "letters", Body: []byte("{}")}
			good.ContentType = "application/json; charset=utf-8"
			if err := peer.Publish(t.Context(), good); err != nil {
				t.Fatal(err)
			}
			hosttest.Receive(t, "a good one behind "+test.want, got)
		}
		if err := peer.Publish(t.Context(), transport.Publishing{Key: "secrets", Body: []byte("7")}); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "a good secret", told)
		if err := p.Stop(t.Context()); err != nil { // after that, everything is logged
			t.Error(err)
		}
		lines := p.Log.Lines("level=ERROR", "message dropped: it cannot be read", "queue=")
		if len(lines) != 9 || len(p.Log.Lines("call failed")) > 0 {
			t.Errorf("got %d messages dropped, want 9, and none for a call:\n%s", len(lines), strings.Join(lines, ""))
		}
		for _, want := range []string{`content_type \"application/x-msgpack\" is not accepted: send application/json"`, `content_encoding \"utf-16\" is not accepted`,
			`compression \"x-bz2\" is not supported`, `body is not zlib`, `decompressed body is over max_message`,
			`payload: text: a number does not fit string" body="\"{\\\"text\\\": 1}\""`, `payload: at: `, `err=******** body=********`} {
			if len(p.Log.Lines(want)) != 1 {
				t.Errorf("got\n%s\nwant a line with %s", strings.Join(lines, ""), want)
			}
		}
	})
}
