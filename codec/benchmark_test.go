package codec_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

// An item is a typical argument of a request.
type item struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

type body struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"`
}

var typical = body{Args: []any{"orders", 7, item{"Chair, “wooden”", 2, 10.5, []string{"a", "b"}}}, Kwargs: map[string]any{"verbose": true}}

// BenchmarkCodec compares the codecs with encoding/json, which supports fewer values.
func BenchmarkCodec(b *testing.B) {
	codecs := []struct {
		name   string
		encode func(any) ([]byte, error)
		decode func([]byte, any) error
	}{
		{"std", json.Marshal, func(data []byte, v any) error {
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			return d.Decode(v)
		}},
		{"json", codec.JSON.Encode, codec.JSON.Decode},
		{"msgpack", msgpack.Codec.Encode, msgpack.Codec.Decode},
	}
	targets := []struct {
		name  string
		value any
		into  func() any
	}{
		{"string", "x", func() any { return new(string) }},
		{"struct", typical.Args[2], func() any { return new(item) }},
		{"any", typical, func() any { return new(any) }},
		{"floats", make([]float64, 1000), func() any { return new([]float64) }},
	}
	for _, target := range targets {
		for _, c := range codecs {
			data, err := c.encode(target.value)
			if err != nil {
				b.Fatal(err)
			}
			b.Run("encode/"+target.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = c.encode(target.value)
				}
			})
			b.Run("decode/"+target.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.decode(data, target.into()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
