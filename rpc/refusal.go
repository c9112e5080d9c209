package rpc

import (
	"cmp"
	"encoding/binary"
	"errors"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/transport"
)

// answers returns the codec of the reply to d: d's own. Who sends what is not read most likely reads nothing else, and is
// told so in it; what has no content type that we can write is answered in the first that is accepted.
func answers(d *transport.Delivery, codecs codec.Set) codec.Codec {
	if c := codecs.Of(d.ContentType); c != nil {
		return c
	}
	others := codec.Set{codec.JSON, msgpack.Codec, yaml{codec.JSON}, pickle{codec.JSON}}
	return cmp.Or(others.Of(d.ContentType), codecs[0])
}

// yaml is for refusals: JSON is YAML.
type yaml struct{ codec.Codec }

func (yaml) ContentType() string { return "application/x-yaml" }

// pickle is for refusals, which are strings: to write Python's pickle is harmless.
type pickle struct{ codec.Codec }

func (pickle) ContentType() string     { return "application/x-python-serialize" }
func (pickle) ContentEncoding() string { return "binary" }

// Encode pickles the reply of a refusal.
func (pickle) Encode(v any) ([]byte, error) {
	r, _ := v.(reply)
	if r.Error == nil {
		return nil, errors.New("only refusals are pickled")
	}
	text := func(data []byte, s string) []byte { // BINUNICODE
		return append(binary.LittleEndian.AppendUint32(append(data, 'X'), uint32(len(s))), s...)
	}
	const emptyDict, emptyList, mark, appends, setItems, none, stop = '}', ']', '(', 'e', 'u', 'N', '.'
	data := append(text([]byte{0x80, 2, emptyDict, mark}, "result"), none)
	data = append(text(data, "error"), emptyDict, mark)
	data = text(text(data, "exc_type"), r.Error.Type)
	data = text(text(data, "exc_path"), r.Error.Path)
	data = append(text(data, "exc_args"), emptyList, mark)
	for _, arg := range r.Error.Args {
		if s, ok := arg.(string); ok {
			data = text(data, s)
		}
	}
	data = append(data, appends)
	data = text(text(data, "value"), r.Error.Value)
	return append(data, setItems, setItems, stop), nil
}
