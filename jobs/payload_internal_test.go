package jobs

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/transport"
)

var accepts = codec.Set{codec.JSON, msgpack.Codec}

// TestPayload reads bodies written by other programs.
func TestPayload(t *testing.T) {
	t.Parallel()
	packed, err := msgpack.Codec.Encode(map[string]any{"args": []any{1}, "kwargs": map[string]any{"b": true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		body codec.Body
		want string // or the error
	}{
		{codec.Body{Data: []byte(`{"args":["a",2],"kwargs":{"b":null}}`)}, `["a" 2] b=null`},
		{codec.Body{Data: []byte(`{"id":"7","name":"resize","args":["a"],"kwargs":{}}`)}, `["a"]`},
		{codec.Body{Data: []byte(`{"args":["a"]}`)}, `["a"]`},
		{codec.Body{Data: []byte(`{"kwargs":{"b":1}}`)}, `[] b=1`},
		{codec.Body{Data: packed, ContentType: "application/x-msgpack"}, "[\x01] b=\xc3"},
		{codec.Body{Data: codec.Deflate([]byte(`{"args":[1]}`)), Headers: map[string]any{"compression": codec.Zlib}}, `[1]`},
		{codec.Body{Data: []byte(`{"args":[1,2,3,4]}`)}, `[1 2 3] +1`},
		{codec.Body{Data: []byte(`{}`)}, "MalformedRequest: body has neither args nor kwargs"},
		{codec.Body{Data: []byte(`[]`)}, "MalformedRequest: body is a list: send an object"},
		{codec.Body{}, "MalformedRequest: body is nothing: send an object"},
		{codec.Body{Data: []byte(`{"args":{}}`)}, "MalformedRequest: args: must be a list, not an object"},
		{codec.Body{Data: []byte(`{"kwargs":[]}`)}, "MalformedRequest: kwargs: must be an object, not a list"},
		{codec.Body{Data: []byte(`{}`), ContentType: "application/x-python-serialize"}, "MalformedRequest: body content_type"},
		{codec.Body{Data: []byte(strings.Repeat(" ", 2000))}, "MalformedRequest: body of 2000 bytes is over max_message"},
	} {
		in := &input{body: test.body, accepts: accepts, message: 1000, decoded: 100_000, takes: 3}
		args, body, err := in.Read(t.Context())
		var b strings.Builder
		if err != nil {
			b.WriteString(err.Error())
		} else {
			var list []string
			for _, v := range args.Positional {
				list = append(list, string(v.(*codec.Encoded).Data))
			}
			fmt.Fprint(&b, list)
			for _, k := range args.Keyword {
				fmt.Fprintf(&b, " %s=%s", k.Name, k.Value.(*codec.Encoded).Data)
			}
			if args.More > 0 {
				fmt.Fprintf(&b, " +%d", args.More)
			}
			body.Close()
		}
		if got := b.String(); got != test.want && (err == nil || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: got %s, want %s", test.body.Data, got, test.want)
		}
	}
}

// TestIdentify reads the id and the name of a message's job.
func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		exchange, key, id, body string
		want                    string
	}{
		{exchangeName, "images.resize", "7", `{}`, "7 resize"},
		{exchangeName, "images.resize", "", `{"id":"8","name":"crop"}`, "8 resize"},
		{exchangeName, "images.resize", "", `no`, "new resize"},
		{"", "gomeko.jobs.images", "", `{"id":"8","name":"crop"}`, "8 crop"},
		{"", "gomeko.jobs.images", "7", `{"id":"8","name":"images.crop"}`, "7 crop"},
		{"", "gomeko.jobs.images", "7", `{"args":[]}`, "the message has no job's name"},
		{"", "gomeko.jobs.images", "7", `{"name":"images."}`, "the message has no job's name"},
		{exchangeName, "images.resize", "", `{"id":"` + strings.Repeat("x", 256) + `"}`, "the job's id has 256 bytes"},
	} {
		d := &transport.Delivery{Exchange: test.exchange, Key: test.key, Body: []byte(test.body)}
		d.MessageID = test.id
		id, name, err := identify(d, "images", accepts, 1000, nil)
		if len(id) == 36 {
			id = "new"
		}
		got := id + " " + name
		if err != nil {
			got = err.Error()
		}
		if got != test.want && (err == nil || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// TestRunAt reads the time of a delayed job.
func TestRunAt(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, v := range []any{"2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", want.Unix(), float64(want.Unix()), want} {
		if at, err := runAt(transport.Table{runAtHeader: v}); err != nil || !at.Equal(want) {
			t.Errorf("%v: got %s, %v", v, at, err)
		}
	}
	if at, err := runAt(nil); err != nil || !at.IsZero() {
		t.Errorf("got %s, %v", at, err)
	}
	for _, v := range []any{"tomorrow", true, 1e30, math.NaN(), math.Inf(-1), int64(math.MaxInt64), int64(math.MinInt64), float64(1 << 39), transport.Table{}} {
		if _, err := runAt(transport.Table{runAtHeader: v}); err == nil {
			t.Errorf("%v was read", v)
		}
	}
}

// TestHeaders stores headers in a row and reads them again.
func TestHeaders(t *testing.T) {
	t.Parallel()
	headers := transport.Table{"nameko.call_id_stack": []any{"a", "b"}, "nameko.n": int64(7), "at": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	text, err := encodeHeaders(headers)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeHeaders(text)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(headers) {
		t.Errorf("%s: got %v, %v, want %v", text, got, err, headers)
	}
	if got, err := decodeHeaders(""); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
