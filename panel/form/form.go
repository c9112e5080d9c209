package form

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/service"
)

// Limits of forms. Neither the process that sends a document nor the browser that sends values is
// trusted.
const (
	maxDepth   = 8       // of nested groups; deeper ones are JSON
	maxFields  = 1000    // of a form with all of its rows; further ones are JSON
	maxRows    = 200     // of a list or a map; longer ones are JSON
	maxShapes  = 2000    // of the types of a form
	maxValues  = 5000    // from a browser
	maxBytes   = 1 << 20 // of the names and texts of these values, and of arguments
	maxPattern = 4 << 10 // bytes of a regular expression; longer ones are left to the worker
	maxHelp    = 4 << 10 // bytes of a text for users
	maxLabel   = 200
)

// A Form asks for the arguments of a row. Several goroutines may use it.
type Form struct {
	// Service and Row are the names of the service, and of the row in its table.
	Service, Row string

	// Title is the name of the row for users: its Title in Docs, or else its name.
	Title string

	// Text explains the row: its doc, and its Text in Docs, as paragraphs. It may be "".
	Text string

	// Confirm says whether users must confirm before the row runs.
	Confirm bool

	root *shape // an object whose members are the parameters
	rest string // the name of the parameter *args; "" if there is none
}

// New returns the form for the row of a service with this name in the service's table. It returns
// an error only if the document has no such row. Values without a suitable field are entered as
// JSON.
func New(d *contract.Document, row string) (*Form, error) {
	i := slices.IndexFunc(d.Rows, func(r contract.Row) bool { return r.Name == row })
	if i < 0 {
		return nil, fmt.Errorf("form: service %s: %s: no such row", d.Service, row)
	}
	r := &d.Rows[i]
	f := &Form{
		Service: d.Service,
		Row:     r.Name,
		Title:   text(r.Title, maxLabel),
		Text:    text(strings.TrimSpace(r.Doc+"\n\n"+r.Text), maxHelp),
		Confirm: r.Confirm,
		root:    &shape{kind: kindObject},
	}
	if f.Title == "" {
		f.Title = labelOf(r.Name)
	}
	c := newCompiler(d)
	for _, p := range r.Parameters {
		if p.Schema == nil {
			p.Schema = &codec.Schema{}
		}
		one := c.member(p.Name, p.Schema, p.Sensitive && !d.OnlyMembers(&p))
		one.required = p.Required
		if p.Doc != "" {
			one.help = text(p.Doc, maxHelp)
		}
		if !p.Sensitive {
			one.fallback = p.Default
		}
		switch p.Kind {
		case "rest":
			f.rest = p.Name
			one.required, one.shape = true, &shape{kind: kindList, elem: one.shape}
		case "options":
			one.more, one.required, one.shape = true, true, &shape{kind: kindMap, elem: one.shape}
		}
		f.root.members = append(f.root.members, one)
	}
	return f, nil
}

// Blank returns the form with the defaults of the parameters.
func (f *Form) Blank() *Input {
	in := f.input()
	for _, n := range in.root.children {
		in.fill(n, nil)
	}
	return in
}

// A Fault is one value that is wrong. See [service.Fault].
type Fault = service.Fault
