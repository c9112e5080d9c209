package interop_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// GoValues makes the values of peer/values.py, and sends back what it gets.
type GoValues struct {
	_ service.Name `service:"go_values"`

	Entrypoints struct {
		Echo rpc.Method `rpc:"echo(value)"`
		Make rpc.Method `rpc:"make(name)"`
	}
}

func (*GoValues) Echo(_ context.Context, value any) (any, error) { return value, nil }

func (*GoValues) Make(_ context.Context, name string) (any, error) {
	for _, v := range values {
		if v.name == name {
			return v.value, nil
		}
	}
	return nil, fmt.Errorf("no value is called %q", name)
}

// The values of peer/values.py in Go, and Python's repr of what arrives: by JSON with the kombu of Nameko's time, by JSON
// with the types of newer ones, and by msgpack. A "" is the one before it, unsent what Python cannot send.
var values = []struct {
	name                string
	value               any
	json, typed, packed string
}{
	{"none", nil, `None`, "", ""},
	{"bool", true, `True`, "", ""},
	{"int", 2, `2`, "", ""},
	{"float", 2.0, `2.0`, "", ""},
	{"small", 1e-07, `1e-07`, "", ""},
	{"nan", math.NaN(), `nan`, "", ""},
	{"infinity", math.Inf(-1), `-inf`, "", ""},
	{"uint64", uint64(math.MaxUint64), `18446744073709551615`, "", ""},
	{"big", *big10(30), `1000000000000000000000000000000`, "", never},
	{"text", "héllo 🚀 \x00\x7f\u2028<&>", `'h\xe9llo \U0001f680 \x00\x7f\u2028<&>'`, "", ""},
	{"surrogate", "\xed\xa0\xbd", `'\ud83d'`, "", never},
	{"nested", map[string]any{"a": []any{json.Number("1"), json.Number("2.0"), map[string]any{"b": nil}}, "é": []any{}}, `{'a': [1, 2.0, {'b': None}], '\xe9': []}`, "", ""},
	{"naive", time.Date(2024, 1, 2, 3, 4, 5, 678901000, transport.Naive), `'2024-01-02T03:04:05.678901'`, `datetime.datetime(2024, 1, 2, 3, 4, 5, 678901)`, unsent},
	{"utc", time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), `'2024-01-02T03:04:05Z'`, `datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)`, unsent},
	{"zone", time.Date(2024, 1, 2, 3, 4, 5, 0, time.FixedZone("", -5*3600-30*60)), `'2024-01-02T03:04:05-05:30'`,
		`datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))`, unsent},
	{"date", transport.Date{Year: 2024, Month: 1, Day: 2}, `'2024-01-02T00:00:00'`, `datetime.date(2024, 1, 2)`, unsent},
	{"time", transport.TimeOfDay{Hour: 3, Minute: 4, Second: 5, Microsecond: 6}, `'03:04:05.000006'`, `datetime.time(3, 4, 5, 6)`, unsent},
	{"decimal", transport.Decimal("12.340"), `'12.340'`, `Decimal('12.340')`, unsent},
	{"uuid", uuid.MustParse("12345678-1234-5678-1234-567812345678"), `'12345678-1234-5678-1234-567812345678'`, `UUID('12345678-1234-5678-1234-567812345678')`, unsent},
	{"bytes", []byte("é"), unsent, `b'\xc3\xa9'`, ""},
	{"binary", []byte{0, 0xff}, unsent, `b'\x00\xff'`, ""},
	{"keys", map[string]string{"1": "z", "null": "y", "2.5": "w"}, `{'1': 'z', '2.5': 'w', 'null': 'y'}`, "", ""},
}

const (
	unsent = "unsent"
	never  = "never" // neither can we
)

func big10(power int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(power), nil) }

// Every type of SPEC §4, both directions, with both kombus.
func TestValues(t *testing.T) {
	for _, test := range []struct {
		name, venv, serializer string
		codec                  transport.Codec
	}{
		{"json", venv, "json", transport.JSON},
		{"msgpack", venv, "msgpack", transport.MessagePack},
		{"json, kombu 5.4", venvKombu5_4, "json", transport.TypedJSON},
		{"msgpack, kombu 5.4", venvKombu5_4, "msgpack", transport.MessagePack},
	} {
		t.Run(test.name, func(t *testing.T) {
			brokertest.Each(t, func(t *testing.T, uri string) {
				t.Setenv("SERIALIZER", test.serializer)
				startNamekoOf(t, test.venv, uri, "peer", "values.yaml", "values", "python_values")
				broker := transport.Config{URI: uri, Codec: test.codec}
				startGoValues(t, broker)
				conn, err := rpc.Dial(t.Context(), broker, rpc.Config{})
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close(context.Background())
				for _, v := range values {
					want := v.json
					switch test.codec {
					case transport.TypedJSON:
						want = cmp.Or(v.typed, v.json)
					case transport.MessagePack:
						want = cmp.Or(v.packed, v.typed, v.json)
					}
					t.Run(v.name, func(t *testing.T) { exchange(t, conn.Client("python_values"), v.name, v.value, want) })
				}
			})
		})
	}
}

// exchange sends a value to and fro, and fetches it made by Python and by Go, who see want of it.
func exchange(t *testing.T, python rpc.Client, name string, value any, want string) {
	tells := func(method string, arg any) {
		t.Helper()
		var got string
		if err := python.Call(t.Context(), method, &got, arg); err != nil {
			t.Errorf("%s: %v", method, err)
		} else if want != unsent && got != want {
			t.Errorf("%s: got %s, want %s", method, got, want)
		}
	}
	switch want {
	case never:
		if err := python.Call(t.Context(), "told", nil, value); err == nil {
			t.Error("told: got no error, want one: msgpack does not have it")
		}
		return
	case unsent: // by Python; we send the string that it would be in JSON
		tells("told", value)
		return
	}
	tells("told", value)
	tells("take", name)
	tells("ask", name)
	tells("ask_compressed", name)
	into := reflect.New(reflect.TypeFor[any]())
	if value != nil {
		into = reflect.New(reflect.TypeOf(value))
	}
	if err := python.Call(t.Context(), "make", into.Interface(), name); err != nil {
		t.Errorf("make: %v", err)
	} else if got := into.Elem().Interface(); fmt.Sprint(got) != fmt.Sprint(value) {
		t.Errorf("make: got %#v, want %#v", got, value)
	}
}

// Who sends what is not read is told so, in what it reads: Nameko's callers read nothing but what they send.
func TestRefusedSerializers(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		startGoValues(t, transport.Config{URI: uri})
		for serializer, contentType := range map[string]string{"pickle": "application/x-python-serialize", "yaml": "application/x-yaml"} {
			got := startCaller(t, uri, serializer).call(t, call{Service: "go_values", Method: "echo", Args: []any{1}})[0]
			want := failed("MalformedRequest", fmt.Sprintf("content_type %q is not accepted: send application/json or application/x-msgpack", contentType))
			if !same(got, want) {
				t.Errorf("%s: got %s, want %s", serializer, got, want)
			}
		}
	})
}

func startGoValues(t *testing.T, broker transport.Config) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	host, err := service.New(service.Config{Logger: log, Values: []any{broker}}, new(GoValues))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
