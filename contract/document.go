package contract

import (
	"encoding/json"

	"github.com/gomeko/gomeko/codec"
)

// Version is the version of the format of a [Document]. Members may be added without a new version.
const Version = "gomeko.describe/v1"

// A Document describes a service.
type Document struct {
	Document   string `json:"document"` // Version
	Service    string `json:"service"`
	Version    string `json:"version,omitempty"` // of its module, if the document was asked for through the broker
	Doc        string `json:"doc,omitempty"`
	MaxWorkers int    `json:"max_workers"` // how many calls run at once in a process

	Rows       []Row   `json:"rows"`       // what it listens to
	Uses       []Use   `json:"uses"`       // its dependencies, as far as extensions provide them
	Dispatches []Event `json:"dispatches"` // as far as its Docs list them

	// Definitions are the schemas that other schemas refer to, by name.
	Definitions map[string]*codec.Schema `json:"$defs"`
}

// A Row describes a row of a service's table of entrypoints.
type Row struct {
	Name   string `json:"name"`   // of the field
	Method string `json:"method"` // of Go
	Kind   string `json:"kind"`   // what its calls come from: rpc
	Type   string `json:"type"`   // rpc.Method
	Call   string `json:"call"`   // the name in call ids and for callers: get_order

	Signature string         `json:"signature"` // as Python writes it
	Doc       string         `json:"doc,omitempty"`
	Title     string         `json:"title,omitempty"`   // in a control panel
	Text      string         `json:"text,omitempty"`    // longer than Doc
	Listens   map[string]any `json:"listens,omitempty"` // what the type of the row says

	Parameters []Parameter   `json:"parameters"`
	Result     *codec.Schema `json:"result,omitempty"`
	Stream     bool          `json:"stream,omitempty"` // callers that ask for a stream receive the elements of the result one by one
	Errors     []Error       `json:"errors,omitempty"` // that callers are meant to handle

	Timeout    float64 `json:"timeout_seconds,omitempty"` // 0 if its tag has none
	MaxWorkers int     `json:"max_workers,omitempty"`     // 0 is the service's
	Retry      string  `json:"retry,omitempty"`           // the key retry of the tag
	Sensitive  bool    `json:"sensitive,omitempty"`       // an argument is
	Allow      string  `json:"allow,omitempty"`           // the groups that people need to run it from a control panel
	Confirm    bool    `json:"confirm,omitempty"`         // a control panel asks people to confirm
}

// A Parameter describes a parameter of a row's method.
type Parameter struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"` // positional, rest (*args), keyword, options (**kwargs)
	In        string          `json:"in,omitempty"`
	Required  bool            `json:"required"`
	Default   json.RawMessage `json:"default,omitempty"`
	Doc       string          `json:"doc,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Schema    *codec.Schema   `json:"schema"` // of each argument, for rest and options
}

// An Error describes an error of a method.
type Error struct {
	Type   string `json:"type"` // NotFound
	Path   string `json:"path"` // orders.exceptions.NotFound
	Text   string `json:"text,omitempty"`
	Status int    `json:"status,omitempty"` // of an HTTP response
}

// A Use describes a dependency of a service.
type Use struct {
	Name string         `json:"name"` // of the field
	Kind string         `json:"kind"` // the package of its type: events
	Type string         `json:"type"` // events.Dispatcher
	Doc  string         `json:"doc,omitempty"`
	Uses map[string]any `json:"uses,omitempty"` // what the type of the field says
}

// An Event describes the events of a type that a service dispatches.
type Event struct {
	Type    string        `json:"type"`
	Payload *codec.Schema `json:"payload"`
}
