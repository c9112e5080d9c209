package msgpack_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec/msgpack"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	type order struct {
		ID   int     `json:"id"`
		Note *string `json:"note,omitempty"`
	}
	for want, value := range map[string]any{
		"c0": nil, "c3": true, "05": 5, "ff": -1, "d0df": int8(-33), "cc80": 128, "cd0100": uint16(256), "ce00010000": 65536,
		"cf8000000000000000": uint64(1 << 63), "d38000000000000000": int64(math.MinInt64), "cb4000000000000000": 2.0,
		"cb3fb999999999999a": float32(0.1), "a161": "a", "c40161": []byte("a"), "92c2c0": []any{false, nil}, "81a16101": map[string]int{"a": 1},
		"81a2696407": order{ID: 7}, "02": json.Number("2"), "cbc000000000000000": json.Number("-2.0"),
		"cb7ff8000000000001": math.NaN(),
	} {
		if got, err := msgpack.Codec.Encode(value); err != nil || fmt.Sprintf("%x", got) != want {
			t.Errorf("%#v: got %x, %v, want %s", value, got, err, want)
		}
	}
	for want, value := range map[string]any{
		"integer 18446744073709551616 has more than 64 bits, which is the limit of msgpack": []any{new(big.Int).Lsh(big.NewInt(1), 64)},
		`"\xed\xa0\xbd" is not valid UTF-8: use []byte for bytes`:                           []any{"\xed\xa0\xbd"},
		"number 1e400 is too large for a float":                                             []any{json.Number("1e400")},
		"chan int is not data":                                                              []any{make(chan int)},
	} {
		want = "cannot encode as msgpack: [0]: " + want
		if got, err := msgpack.Codec.Encode(value); err == nil || err.Error() != want {
			t.Errorf("%#v: got %x, %v, want %s", value, got, err, want)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]any{
		"\x82\x01\xa1x\xc2\xa1y":                       map[string]string{"1": "x", "false": "y"}, // {1: 'x', False: 'y'}
		"\x81\xc0\x05":                                 map[string]any{"null": json.Number("5")},
		"\x81\xc4\x01k\x05":                            map[string]int{"k": 5},
		"\x81\xcb\x40\x04\x00\x00\x00\x00\x00\x00\x05": map[float64]int{2.5: 5},
		"\xca\x3f\x80\x00\x00":                         1, // 1.0
		"\x05":                                         5.0,
		"\xcf\xff\xff\xff\xff\xff\xff\xff\xff":         uint64(math.MaxUint64),
		"\xc4\x02\x00\xff":                             []byte{0, 0xff},
		"\xa4/w==":                                     []byte{0xff},
		"\xd6\xff\x00\x00\x00\x05":                     time.Unix(5, 0).UTC(),
		"\xd7\xff\x00\x00\x0f\xa0\x00\x00\x00\x05":     time.Unix(5, 1000).UTC(),
	} {
		got := reflect.New(reflect.TypeOf(want))
		if err := msgpack.Codec.Decode([]byte(data), got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), want) {
			t.Errorf("%x: got %#v, %v, want %#v", data, got.Elem().Interface(), err, want)
		}
	}
	var v any
	if err := msgpack.Codec.Decode([]byte("\x94\x02\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xc4\x01a\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"), &v); err != nil ||
		fmt.Sprintf("%#v", v) != `[]interface {}{"2", "2.0", []uint8{0x61}, +Inf}` {
		t.Errorf("got %#v, %v", v, err)
	}
	const ends = "not valid msgpack: it ends before the value does"
	for data, test := range map[string]struct {
		into any
		want string
	}{
		"":                         {new(any), "not valid msgpack: empty"},
		"\xc1":                     {new(any), "not valid msgpack: 0xc1 at byte 1"},
		"\x01\x02":                 {new(any), "not valid msgpack: 1 bytes after the value"},
		"\xdd\xff\xff\xff\xff":     {new(any), ends},
		"\xdf\xff\xff\xff\xff\x01": {new(map[string]int), ends},
		"\xdb\xff\xff\xff\xffabc":  {new(any), ends},
		"\xc6\x7f\xff\xff\xffabc":  {new([]byte), ends},
		"\xcd\x01":                 {new(int), ends},
		"\xa1\xff":                 {new(string), "not valid UTF-8 in the string at byte 1"},
		"\xd4\x05\x00":             {new(any), "extension 5 of msgpack is not supported: send a string"},
		"\xd4\xff\x00":             {new(any), "not valid msgpack: malformed timestamp, or not in the years 1 to 9999"},
		"\xc4\x01a":                {new(string), "bytes does not fit string"},
		"\x91\xcb\x40\x04\x00\x00\x00\x00\x00\x00": {new([]int), "[0]: number 2.5 does not fit int"},
		"\x81\x91\x01\x02":                         {new(any), "a list cannot be a key, at byte 2"},
		strings.Repeat("\x91", 1_000_000):          {new(any), "nested deeper than 10000 at byte 10001"},
	} {
		if err := msgpack.Codec.Decode([]byte(data), test.into); err == nil || err.Error() != test.want {
			t.Errorf("%.20x: got %v, want %s", data, err, test.want)
		}
	}
}
