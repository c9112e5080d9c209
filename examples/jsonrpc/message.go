package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Error codes (JSON-RPC 2.0, §5.1).
const (
	codeParse     = -32700
	codeRequest   = -32600
	codeMethod    = -32601
	codeArguments = -32602
	codeFault     = -32603
	codeExpected  = -32000 // an error that callers should handle
)

type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"` // nil if the peer does not want a response
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type response struct {
	Version string          `json:"jsonrpc"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *failure        `json:"error,omitempty"`
	ID      json.RawMessage `json:"id"`
}

type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type methodNotFound struct{ name string }

func (e *methodNotFound) Error() string { return fmt.Sprintf("no method %q", e.name) }

// parse decodes a request, or returns the response to an invalid one.
func parse(line []byte) (*request, *response) {
	if !json.Valid(line) {
		return nil, refuse(codeParse, errors.New("not JSON: write one message a line"))
	}
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, refuse(codeRequest, err)
	}
	if r.Version != "2.0" || r.Method == "" {
		return nil, refuse(codeRequest, errors.New(`write {"jsonrpc": "2.0", "id": 1, "method": "…"}`))
	}
	return &r, nil
}

// A value is an encoded argument. Package service decodes it into the type of the method's
// parameter.
type value json.RawMessage

// Decode implements [signature.Value].
func (v value) Decode(dst any) error { return codec.JSON.Decode(v, dst) }

// DecodeStrict also requires the members of objects: it implements [signature.StrictValue].
func (v value) DecodeStrict(dst any) error { return codec.DecodeStrict(codec.JSON, v, dst) }

// DecodeChecked also checks the constraints in tags: it implements [signature.CheckedValue].
func (v value) DecodeChecked(dst any, lenient bool) error {
	return codec.DecodeChecked(codec.JSON, v, dst, lenient)
}

// arguments returns the arguments: an array has positional ones, an object named ones.
func (r *request) arguments() (args signature.Arguments, err error) {
	var (
		list  []json.RawMessage
		named map[string]json.RawMessage
	)
	switch params := bytes.TrimSpace(r.Params); {
	case len(params) == 0:
	case params[0] == '[':
		err = json.Unmarshal(params, &list)
	case params[0] == '{':
		err = json.Unmarshal(params, &named)
	default:
		err = &signature.Error{Text: r.Method + "() params must be an array or an object"}
	}
	for _, raw := range list {
		args.Positional = append(args.Positional, value(raw))
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		args.Keyword = append(args.Keyword, signature.Named{Name: name, Value: value(named[name])})
	}
	return args, err
}

// newResponse returns the response to a call. Errors that the caller can correct have their own
// codes.
func newResponse(id json.RawMessage, result any, err error) *response {
	var misfit *signature.Error
	var unknown *methodNotFound
	switch {
	case err == nil:
		text, err := codec.BrowserJSON.Encode(result) // valid JSON, also if the result has NaN
		if err != nil {
			return fail(id, codeFault, fmt.Errorf("result: %w", err))
		}
		return &response{Version: "2.0", Result: text, ID: id}
	case errors.As(err, &unknown):
		return fail(id, codeMethod, err)
	case errors.As(err, &misfit):
		return fail(id, codeArguments, err)
	case service.Expected(err):
		return fail(id, codeExpected, err)
	}
	return fail(id, codeFault, err)
}

// refuse returns the response to an invalid request, whose ID is unknown.
func refuse(code int, err error) *response { return fail(json.RawMessage("null"), code, err) }

func fail(id json.RawMessage, code int, err error) *response {
	return &response{Version: "2.0", Error: &failure{code, err.Error()}, ID: id}
}
