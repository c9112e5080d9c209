package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/signature"
)

// A request is a frame of a client: {"method": "m", "data": {…}, "correlation_id": …}. See
// docs/wire/nameko.md, Websockets.
type request struct {
	method string
	args   signature.Arguments // data's members, by name
	id     json.RawMessage     // correlation_id, null if there is none
}

// errNoMethod is what Nameko answers about a method that is not there: it does not say which.
var errNoMethod = &rpc.Error{Type: "MethodNotFound", Path: rpc.ErrMethodNotFound.Path, Args: []any{}}

// readRequest reads a frame. With an error the request has its id all the same, where it can be
// read.
func parseFrame(frame []byte) (request, error) {
	r := request{id: json.RawMessage("null")}
	malformed := rpc.NewError(rpc.ErrMalformedRequest.Path, "Invalid JSON data")
	members, err := codec.JSON.Map(frame)
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
			_ = codec.JSON.Decode(m.Value, &r.method) // no method is called what is no string
		case "data":
			data = m.Value
		case "correlation_id":
			r.id = m.Value
		}
	}
	if !named {
		return r, malformed
	}
	r.args, err = readData(data)
	return r, err
}

// readData returns the arguments in a request's data. What Python takes for nothing is none, as
// with Nameko.
func readData(data []byte) (args signature.Arguments, err error) {
	switch string(data) {
	case "", "null", "[]", `""`, "0", "false":
		return args, nil
	}
	members, err := codec.JSON.Map(data)
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
		args.Keyword = append(args.Keyword, signature.Named{Name: m.Name, Value: jsonValue(m.Value)})
	}
	return args, nil
}

// A jsonValue is an argument as it came.
type jsonValue []byte

// Decode implements [signature.Value].
func (v jsonValue) Decode(to any) error { return codec.JSON.Decode(v, to) }

// salvageID returns the correlation_id of what is an object only at its beginning.
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
		if key == "correlation_id" && codec.JSON.Decode(value, &v) == nil { // else it cannot be sent back
			id = value
		}
	}
	return id
}

// eventFrame returns the frame that tells of an event.
func eventFrame(event string, data any) ([]byte, error) {
	return encodeFrame(struct {
		Type  string `json:"type"`
		Event string `json:"event"`
		Data  any    `json:"data"`
	}{"event", event, data})
}

// resultFrame returns the frame that answers the request id.
func resultFrame(id json.RawMessage, result any) ([]byte, error) {
	return encodeFrame(struct {
		Type    string          `json:"type"`
		Success bool            `json:"success"`
		Data    any             `json:"data"`
		ID      json.RawMessage `json:"correlation_id"`
	}{"result", true, result, id})
}

// errorFrame returns the frame that tells of the failure of the request id. An error of which none
// can be made is told by its type alone.
func errorFrame(id json.RawMessage, failure *rpc.Error) []byte {
	type frame struct {
		Type    string          `json:"type"`
		Success bool            `json:"success"`
		Error   *rpc.Error      `json:"error"`
		ID      json.RawMessage `json:"correlation_id"`
	}
	text, err := encodeFrame(frame{"result", false, failure, id})
	if err != nil {
		text, _ = encodeFrame(frame{"result", false, unserializable(failure), id})
	}
	return text
}

// unserializable is the error of a call whose outcome cannot be sent.
func unserializable(outcome any) *rpc.Error {
	return &rpc.Error{
		Type:  "UnserializableValueError",
		Path:  "nameko.exceptions.UnserializableValueError",
		Args:  []any{},
		Value: fmt.Sprintf("Unserializable value: `%T`", outcome),
	}
}

// encodeFrame runs code of the user's: MarshalJSON of what is sent. A panic there is not ours.
func encodeFrame(frame any) (text []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	text, err = codec.JSON.Encode(frame)
	return pythonic(text), err
}

// pythonic returns JSON with the spaces that Python's json.dumps writes.
func pythonic(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	quoted, escaped := false, false
	for _, c := range text {
		if !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r') { // a client's own, in its correlation_id
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
