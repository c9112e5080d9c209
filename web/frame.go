package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/signature"
)

// A request is a frame from a client: {"method": "m", "data": {…}, "correlation_id": …}. See
// docs/wire/nameko.md, Websockets.
type request struct {
	method string
	args   signature.Arguments // members of data, by name
	id     json.RawMessage     // correlation_id; null if there is none
}

// errNoMethod is Nameko's error for an unknown method. It does not name the method.
var errNoMethod = &rpcerror.Error{Type: "MethodNotFound", Path: rpcerror.ErrMethodNotFound.Path, Args: []any{}}

// parseFrame parses a frame, whose values may take up to memory bytes. On an error the request
// still has its id if that could be read.
func parseFrame(ctx context.Context, frame []byte, memory int64) (request, error) {
	r := request{id: json.RawMessage("null")}
	malformed := rpcerror.ErrMalformedRequest.WithText("Invalid JSON data")
	b := codec.NewBudget(ctx, int(memory))
	defer b.Close()
	members, err := b.Map(codec.JSON, frame)
	if codec.Unread(err) {
		return r, rpcerror.ErrMalformedRequest.WithText("frame " + err.Error())
	}
	if err != nil {
		r.id = salvageID(frame)
		return r, malformed
	}
	var data []byte
	named := false
	for _, m := range members {
		switch m.Name {
		case "method":
			named = true
			_ = codec.JSON.Decode(m.Value, &r.method) // a name that is not a string matches no method
		case "data":
			data = m.Value
		case "correlation_id":
			r.id = m.Value
		}
	}
	if !named {
		return r, malformed
	}
	r.args, err = parseData(ctx, b, data, int(memory))
	return r, err
}

// parseData returns the arguments in a request's data. As in Nameko, there are none if Python
// counts the data as false.
func parseData(ctx context.Context, b *codec.Budget, data []byte, memory int) (args signature.Arguments, err error) {
	switch string(data) {
	case "", "null", "[]", `""`, "0", "false":
		return args, nil
	}
	members, err := b.Map(codec.JSON, data)
	if codec.Unread(err) {
		return args, rpcerror.ErrMalformedRequest.WithText("frame " + err.Error())
	}
	if err != nil {
		python := map[codec.Kind]string{codec.KindList: "list", codec.KindString: "str", codec.KindBool: "bool"}
		kind, ok := python[codec.JSON.Kind(data)]
		switch {
		case !ok && bytes.ContainsAny(data, ".eEN"):
			kind = "float"
		case !ok:
			kind = "int"
		}
		return args, &signature.Error{Text: "inspect.getcallargs() argument after ** must be a mapping, not " + kind}
	}
	for _, m := range members {
		args.Keyword = append(args.Keyword, signature.Named{Name: m.Name, Value: &jsonValue{ctx, m.Value, memory}})
	}
	return args, nil
}

// A jsonValue is an argument in JSON. It is decoded when its call runs.
type jsonValue struct {
	ctx    context.Context // of the socket
	data   []byte
	memory int // limits the memory of the decoded value
}

// Decode implements [signature.Value].
func (v *jsonValue) Decode(to any) error {
	b := codec.NewBudget(v.ctx, v.memory)
	defer b.Close()
	return b.Decode(codec.JSON, v.data, to)
}

// DecodeStrict implements [signature.StrictValue].
func (v *jsonValue) DecodeStrict(to any) error {
	b := codec.NewBudget(v.ctx, v.memory)
	defer b.Close()
	return b.DecodeStrict(codec.JSON, v.data, to)
}

// DecodeChecked implements [signature.CheckedValue].
func (v *jsonValue) DecodeChecked(to any, lenient bool) error {
	b := codec.NewBudget(v.ctx, v.memory)
	defer b.Close()
	return b.DecodeChecked(codec.JSON, v.data, to, lenient)
}

// salvageID returns the correlation_id of a frame that is invalid or truncated JSON.
func salvageID(frame []byte) json.RawMessage {
	id := json.RawMessage("null")
	d := json.NewDecoder(bytes.NewReader(frame))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return id
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			break
		}
		var v any
		if key == "correlation_id" && codec.JSON.Decode(value, &v) == nil { // an id that cannot be decoded cannot be sent back
			id = value
		}
	}
	return id
}

// eventFrame returns the frame of an event.
func eventFrame(c codec.Codec, event string, data any) ([]byte, error) {
	return encodeFrame(c, struct {
		Type  string `json:"type"`
		Event string `json:"event"`
		Data  any    `json:"data"`
	}{"event", event, data})
}

// resultFrame returns the frame that answers the request id with a result.
func resultFrame(c codec.Codec, id json.RawMessage, result any) ([]byte, error) {
	return encodeFrame(c, struct {
		Type    string          `json:"type"`
		Success bool            `json:"success"`
		Data    any             `json:"data"`
		ID      json.RawMessage `json:"correlation_id"`
	}{"result", true, result, id})
}

// errorFrame returns the frame that answers the request id with an error. If the error cannot be
// encoded, the frame only has its type.
func errorFrame(id json.RawMessage, failure *rpcerror.Error) []byte {
	type frame struct {
		Type    string          `json:"type"`
		Success bool            `json:"success"`
		Error   *rpcerror.Error `json:"error"`
		ID      json.RawMessage `json:"correlation_id"`
	}
	text, err := encodeFrame(codec.BrowserJSON, frame{"result", false, failure, id})
	if err != nil {
		text, _ = encodeFrame(codec.BrowserJSON, frame{"result", false, rpcerror.NewUnserializable(failure, nil), id})
	}
	return text
}

// encodeFrame encodes a frame. It runs code of the data, such as MarshalJSON, and returns a panic
// in that code as an error.
func encodeFrame(c codec.Codec, frame any) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	text, err = c.Encode(frame)
	return pythonic(text), err
}

// pythonic returns the JSON with spaces where Python's json.dumps writes them.
func pythonic(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	quoted, escaped := false, false
	for _, c := range text {
		if !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r') { // spaces from the client, in its correlation_id
			continue
		}
		out = append(out, c)
		switch {
		case escaped:
			escaped = false
		case c == '"':
			quoted = !quoted
		case quoted:
			escaped = c == '\\'
		case c == ',', c == ':':
			out = append(out, ' ')
		}
	}
	return out
}
