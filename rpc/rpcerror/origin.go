package rpcerror

import (
	"encoding/json"
	"strings"
)

// OriginHeader is the header of a reply that carries what callers in Go receive of an error in
// addition to Nameko's four members, which are sent as Nameko sends them: see [Error.Header].
const OriginHeader = "gomeko.error"

// An origin is an error as it was before it became a RemoteError, and its status.
type origin struct {
	Type   string `json:"exc_type,omitempty"`
	Path   string `json:"exc_path,omitempty"` // "" if the error that is sent is the origin
	Args   []any  `json:"exc_args,omitempty"`
	Value  string `json:"value,omitempty"`
	Status int    `json:"status,omitempty"`
}

// maxOrigin limits the size of an origin in bytes, since the headers of a message must fit into one
// frame. A longer origin is sent without its text, which is in the body too.
const maxOrigin = 8 << 10

// Header returns the value of [OriginHeader] for an error that [From] returned, or "" if it needs
// none. The value is a JSON object.
func (e *Error) Header() string {
	if e.origin == nil {
		return ""
	}
	text, err := json.Marshal(e.origin)
	if err != nil || len(text) > maxOrigin {
		text, _ = json.Marshal(origin{Type: e.origin.Type, Path: e.origin.Path, Status: e.origin.Status})
	}
	if len(text) > maxOrigin {
		return ""
	}
	return string(text)
}

// Resolve restores the original form of an error that [Decode] returned. header is the
// [OriginHeader] of its reply. A header that gomeko did not write changes nothing.
func (e *Error) Resolve(header any) {
	text, _ := header.(string)
	var o origin
	if len(text) > maxOrigin || json.Unmarshal([]byte(text), &o) != nil {
		return
	}
	if o.Status >= 400 && o.Status < 600 {
		e.status = o.Status
	}
	if o.Path == "" || e.Path != remotePath {
		return
	}
	if o.Value == "" {
		types := o.Type + " " // each service has prefixed the text with a type
		for strings.Contains(e.Value, "RemoteError "+types) {
			types = "RemoteError " + types
		}
		o.Value = strings.Replace(e.Value, types, "", 1)
		o.Args = []any{o.Value}
	}
	e.nested = e.Type + " " + e.Value
	e.Type, e.Path, e.Args, e.Value = o.Type, o.Path, o.Args, o.Value
}
