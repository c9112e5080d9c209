package jobs

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// TestEnvelope checks that a message is unchanged after sealing and unsealing, including the types
// of its headers.
func TestEnvelope(t *testing.T) {
	want := transport.Publishing{Mandatory: true, Signed: true, Compressible: true, Properties: transport.Properties{
		ContentType: "application/json", ContentEncoding: "utf-8", Persistent: true, Priority: 7, CorrelationID: "c", ReplyTo: "r",
		Expiration: time.Minute, MessageID: "m", Type: "t", AppID: "a", Timestamp: time.Unix(1_700_000_000, 0).UTC(),
		Headers: transport.Table{
			"nil": nil, "bool": true, "text": "é\x00<>&", "latin": "\xff", "bytes": []byte{0, 255}, "int": 5, "large": math.MaxInt64,
			"int8": int8(-8), "int16": int16(-16), "int32": int32(-32), "int64": int64(-64),
			"uint": uint(1), "uint8": uint8(8), "uint16": uint16(16), "uint32": uint32(32), "uint64": uint64(64),
			"float32": float32(0.1), "float64": 2.0, "small": 1e-300, "time": time.Unix(5, 0).UTC(),
			"list":  []any{"a", 1, []any{int64(2)}, transport.Table{"table": "x"}},
			"table": transport.Table{"int64": int64(1), "table": transport.Table{}, "list": []any{}},
		},
	}}
	text, err := seal(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := unseal(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: got  %#v\nwant %#v", err, got, want)
	}
	empty := transport.Publishing{Compressible: true, Properties: transport.Properties{Headers: transport.Table{}}}
	if text, err = seal(&empty); err != nil || text != `{"headers":{}}` {
		t.Errorf("got %s, %v", text, err)
	}
	if got, err := unseal(text); err != nil || !reflect.DeepEqual(got, empty) {
		t.Errorf("got %#v, %v", got, err)
	}
}

// TestEnvelopeMistakes checks the errors for messages that cannot be sealed, and for envelopes that
// cannot be unsealed.
func TestEnvelopeMistakes(t *testing.T) {
	for want, m := range map[string]transport.Properties{
		`property "\xff": is not a text in UTF-8`:               {Type: "\xff"},
		`headers: the name "\xff" is not a text`:                {Headers: transport.Table{"\xff": 1}},
		`headers: a: b: the type struct {} cannot be kept`:      {Headers: transport.Table{"a": transport.Table{"b": struct{}{}}}},
		`headers: a: the type map[string]string cannot be kept`: {Headers: transport.Table{"a": map[string]string{}}},
		`headers: a: the type complex128 cannot be kept`:        {Headers: transport.Table{"a": []any{1i}}},
	} {
		if _, err := seal(&transport.Publishing{Properties: m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, text := range []string{``, `[]`, `{}`, `{"headers":[]}`, `{"headers":{"a":{"decimal":"1"}}}`, `{"headers":{"a":{"int8":"300"}}}`, `{"headers":{"a":{"bytes":"?"}}}`} {
		if m, err := unseal(text); err == nil {
			t.Errorf("%s: got %+v", text, m)
		}
	}
}
