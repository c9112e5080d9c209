package service

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/signature"
)

// A RowDescriber is an [EntrypointType] that adds to the description of its rows. Describe is
// called after [New], and only if the service is described. Several goroutines may call it at once.
type RowDescriber interface {
	Describe(r *Row) Description
}

// A FieldDescriber is a [DependencyType] that adds to the description of its fields. Describe is
// called after [New], and only if the service is described. Several goroutines may call it at once.
type FieldDescriber interface {
	Describe(f *Field) Description
}

// A Description is what an extension says about a row or a field. It must not contain secrets,
// because anyone who may describe the service can read it.
type Description struct {
	// Details say what the row listens to, or what the field uses: {"queue": "bills"}. The values
	// are encoded as JSON.
	Details map[string]any

	// Result is the type of a row's result if it differs from [Row.Result]. It is any, for example, if
	// the method returns a response that is not encoded.
	Result reflect.Type

	// Params are the parameters of a row if they differ from [Row.Parameters], in where they are read
	// from or because the method takes more of them as leading parameters.
	Params []Parameter
}

// A Parameter is a parameter of a row's method, for descriptions.
type Parameter struct {
	signature.Param // the Default of a sensitive one is Redacted

	Tag       reflect.StructTag // of its field, with its constraints; "" if it is not a field
	Doc       string            // the key doc in the tag
	Sensitive bool              // arguments must not be printed
	Members   bool              // it is sensitive only because of members that are marked themselves
	In        string            // where it is read from, if the row does not take arguments: path, query, header, body
}

// Docs document a service: texts for people, and what cannot be seen from its methods, namely the
// errors that they return and the events that the service dispatches. A service provides them in a
// method Docs, which [New] calls once:
//
//	func (*Orders) Docs() service.Docs {
//		return service.Docs{
//			Text: "Orders keeps the orders of the shop.",
//			Rows: map[string]service.RowDocs{
//				"GetOrder": {Errors: []error{ErrNotFound}},
//			},
//			Events: map[string]any{"order_created": Order{}},
//		}
//	}
type Docs struct {
	Text string             // about the service
	Rows map[string]RowDocs // by the row's name

	// Events are the events that the service dispatches, by event type. Each value has the Go type of
	// the payload; nil leaves that type unspecified.
	Events map[string]any
}

// RowDocs document a row: a title, a text in addition to the line in the key doc of its tag, and
// the errors that callers are meant to handle.
type RowDocs struct {
	Title  string // of the row in a control panel: "Update availability"
	Text   string
	Errors []error
}

// Signature returns the signature that [Row.Bind] bound the row's method to, or nil before that. It
// must not be changed.
func (r *Row) Signature() *signature.Signature {
	if r.method == nil {
		return nil
	}
	return r.method.sig
}

// Parameters returns the parameters of the row's method that take arguments, in the order of its
// signature.
func (r *Row) Parameters() []Parameter {
	if r.method == nil {
		return nil
	}
	params := make([]Parameter, len(r.method.sig.Params))
	for i, p := range r.method.sig.Params {
		s := &r.method.slots[i]
		params[i] = Parameter{Param: p, Tag: s.tag, Doc: s.doc, Sensitive: s.hidden, Members: s.nested}
		if s.hidden && p.Optional && p.Default != nil {
			params[i].Default = Redacted
		}
	}
	return params
}

// Doc returns the line about the row in its tag: the key doc.
func (r *Row) Doc() string { return r.Tag.Get("doc") }

// Docs returns the part of the service's [Docs] that is about the row.
func (r *Row) Docs() RowDocs { return r.hosted.docs.Rows[r.Name] }

// Describe returns the row's description, with what its type adds if that is a [RowDescriber].
func (r *Row) Describe() Description {
	var d Description
	if own, ok := instance(r.Type).(RowDescriber); ok {
		d = own.Describe(r)
	}
	if d.Params == nil {
		d.Params = r.Parameters()
	}
	if d.Result == nil {
		d.Result = r.Result()
	}
	return d
}

// Doc returns the line about the field in its tag: the key doc.
func (f *Field) Doc() string { return f.Tag.Get("doc") }

// Extension returns the type that gives the field its value: the field's own, or that of the blank
// field in a typed client.
func (f *Field) Extension() reflect.Type { return f.maker }

// Describe returns the field's description by its extension, which is empty unless that is a
// [FieldDescriber].
func (f *Field) Describe() Description {
	if own, ok := instance(f.maker).(FieldDescriber); ok {
		return own.Describe(f)
	}
	return Description{}
}

// Fields returns the dependencies of all services whose values come from extensions, in the order
// of Names and of their structs. The list is complete when [New] has returned.
func (h *Host) Fields() []*Field { return slices.Clone(h.container.fields) }

// Docs returns the texts about a service, which are empty if it has no method Docs.
func (h *Host) Docs(service string) Docs {
	for _, one := range h.container.hosted {
		if one.name == service {
			return one.docs
		}
	}
	return Docs{}
}

// docs asks a service for its texts, and checks them against its rows.
func (b *binder) docs(h *hosted, service any) {
	own, ok := service.(interface{ Docs() Docs })
	if !ok {
		return
	}
	where := h.label() + ": Docs"
	defer func() {
		if p := recover(); p != nil {
			b.addf(where, "panics with %v: it must return the texts without using the service's fields", p)
		}
	}()
	h.docs = own.Docs()
	table, _ := h.proto.Type().FieldByName("Entrypoints")
	var rows []string
	if table.Type != nil && table.Type.Kind() == reflect.Struct {
		for i := range table.Type.NumField() {
			rows = append(rows, table.Type.Field(i).Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.docs.Rows)) {
		if !slices.Contains(rows, name) {
			b.add(where, noSuchRow(name, rows))
		}
		if slices.Contains(h.docs.Rows[name].Errors, nil) {
			b.addf(where, "an error of %s is nil: remove it", name)
		}
	}
}

func noSuchRow(name string, rows []string) error {
	remedy := "the rows are " + strings.Join(rows, ", ")
	if len(rows) == 0 {
		remedy = "the service has no rows"
	} else if near := nearest.Likely(name, rows); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return fmt.Errorf("no such row %q: %s", name, remedy)
}
