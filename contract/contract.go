package contract

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Of describes the services of a container that service.New has returned, in the order of
// Host.Names. c is the codec of their messages.
func Of(h *service.Host, c codec.Codec) []*Document {
	var all []*Document
	for _, name := range h.Names() {
		b := &builder{host: h, schemas: codec.NewSchemas(c)}
		all = append(all, b.document(name))
	}
	return all
}

// A builder makes the document of one service.
type builder struct {
	host    *service.Host
	schemas *codec.Schemas
}

func (b *builder) document(name string) *Document {
	docs := b.host.Docs(name)
	d := &Document{
		Document:    Version,
		Service:     name,
		Doc:         docs.Text,
		MaxWorkers:  b.host.Workers(),
		Rows:        []Row{},
		Uses:        []Use{},
		Dispatches:  []Event{},
		Definitions: b.schemas.Definitions(),
	}
	for _, r := range b.host.Rows() {
		if r.Service == name {
			d.Rows = append(d.Rows, b.row(r))
		}
	}
	for _, f := range b.host.Fields() {
		if f.Service == name {
			t := f.Extension()
			d.Uses = append(d.Uses, Use{Name: f.Name, Kind: packageOf(t), Type: t.String(), Doc: f.Doc(), Uses: f.Describe().Details})
		}
	}
	for _, event := range slices.Sorted(maps.Keys(docs.Events)) {
		payload := &codec.Schema{}
		if example := docs.Events[event]; example != nil {
			payload = b.schemas.Of(reflect.TypeOf(example), codec.Use{Encode: true})
		}
		d.Dispatches = append(d.Dispatches, Event{event, payload})
	}
	return d
}

func (b *builder) row(r *service.Row) Row {
	about, docs, sig := r.Describe(), r.Docs(), *r.Signature()
	row := Row{
		Name:       r.Name,
		Method:     r.Method,
		Kind:       r.Kind(),
		Type:       r.Type.String(),
		Call:       r.CallName(),
		Doc:        r.Doc(),
		Title:      docs.Title,
		Text:       docs.Text,
		Listens:    about.Details,
		Parameters: []Parameter{},
		Timeout:    r.Timeout().Seconds(),
		Retry:      r.Tag.Get("retry"),
		Sensitive:  r.Sensitive(),
		Allow:      r.Permission(),
		Confirm:    r.Confirm(),
		Stream:     r.Item() != nil,
	}
	row.MaxWorkers, _ = strconv.Atoi(r.Tag.Get("max_workers")) // service.New has checked it
	sig.Params = nil
	for _, p := range about.Params {
		sig.Params = append(sig.Params, p.Param)
		row.Parameters = append(row.Parameters, b.parameter(p, r.Lenient()))
	}
	row.Signature = sig.String()
	if result := about.Result; result != nil {
		row.Result = b.schemas.Of(result, codec.Use{Encode: true})
	}
	for _, err := range docs.Errors {
		e := rpcerror.Original(err)
		row.Errors = append(row.Errors, Error{Type: e.Type, Path: e.Path, Text: e.Value, Status: e.HTTPStatus()})
	}
	return row
}

func (b *builder) parameter(p service.Parameter, lenient bool) Parameter {
	described := Parameter{Name: p.Name, Kind: "positional", In: p.In, Required: !p.Optional, Doc: p.Doc, Sensitive: p.Sensitive}
	t := p.Type
	switch p.Kind {
	case signature.Rest:
		described.Kind, described.Required, t = "rest", false, t.Elem()
	case signature.Options:
		described.Kind, described.Required, t = "options", false, t.Elem()
	case signature.Keyword:
		described.Kind = "keyword"
	}
	if p.Optional {
		described.Default, _ = codec.BrowserJSON.Encode(p.Default) // a literal
	}
	described.Schema = b.schemas.OfField(t, p.Tag, codec.Use{Lenient: lenient, Sensitive: p.Sensitive && !p.Members})
	return described
}

// packageOf returns the name of a type's package.
func packageOf(t reflect.Type) string {
	name, _, _ := strings.Cut(strings.TrimLeft(t.String(), "*[]"), ".")
	return name
}
