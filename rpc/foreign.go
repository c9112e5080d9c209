package rpc

import (
	"encoding/binary"
	"errors"

	"github.com/gomeko/gomeko/codec"
)

// yaml writes errors for clients that send YAML. It writes JSON, which is valid YAML.
type yaml struct{ codec.Codec }

func (yaml) ContentType() string { return "application/x-yaml" }

// pickle writes errors for clients that send Python's pickle. Writing strings as pickle is
// harmless; pickle is never read.
type pickle struct{ codec.Codec }

func (pickle) ContentType() string     { return "application/x-python-serialize" }
func (pickle) ContentEncoding() string { return "binary" }

// Encode returns the pickle of a reply that is an error.
func (pickle) Encode(v any) ([]byte, error) {
	r, _ := v.(replyBody)
	if r.Error == nil {
		return nil, errors.New("only errors can be pickled")
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
