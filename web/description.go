package web

import (
	"cmp"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// Describe implements [service.RowDescriber].
func (Route) Describe(r *service.Row) service.Description {
	pattern := r.Tag.Get("web")
	d := service.Description{Details: patternDetails(translated(pattern)), Params: []service.Parameter{}}
	names := wildcards(translated(pattern))
	arguments := r.Parameters()
	var ahead []reflect.Type // types of the wildcards that are parameters before a struct
	for _, t := range r.Leading() {
		if t != writerType && t != requestType {
			ahead = append(ahead, t)
		}
	}
	for i, t := range ahead {
		p := service.Parameter{In: "path"}
		p.Name, p.Type = names[i], t
		d.Params = append(d.Params, p)
	}
	var fields []reflect.StructField
	if all := r.Params(); !r.Signature().Listed && len(arguments) > 0 {
		args := all[len(all)-1]
		if args.Kind() == reflect.Pointer {
			args = args.Elem()
		}
		fields = structFields(args, nil)
	}
	for i, p := range arguments {
		p.In = "path"
		if fields != nil {
			field, _ := newArgsField(p.Param, fields[i], names)
			p.In, p.Name = field.source, field.key
		}
		d.Params = append(d.Params, p)
	}
	d.Result = describeResult(r, d.Details)
	return d
}

// Describe implements [service.RowDescriber]. The result of the method is not sent.
func (Feed) Describe(r *service.Row) service.Description {
	d := Route{}.Describe(r)
	d.Details["feed"], d.Details["response"] = true, "text/event-stream"
	d.Result = reflect.TypeFor[any]()
	return d
}

// describeResult returns the type of a route's result, and adds the content type of responses to
// the details.
func describeResult(r *service.Row, details map[string]any) reflect.Type {
	t, unknown := r.Result(), reflect.TypeFor[any]()
	switch {
	case slices.Contains(r.Leading(), writerType):
		return unknown
	case t == nil, t.Kind() == reflect.Interface && t.NumMethod() == 0:
	case t == reflect.TypeFor[Response](), t == reflect.TypeFor[*Response]():
		return unknown
	case t == reflect.TypeFor[string]():
		details["response"] = textType
	case t == reflect.TypeFor[[]byte](), t.Implements(reflect.TypeFor[io.Reader]()):
		details["response"] = "application/octet-stream"
		return unknown
	case r.Item() != nil:
		details["response"] = "application/json, " + linesType + ", " + eventsType
	default:
		details["response"] = "application/json"
	}
	return t
}

// patternDetails describes a pattern of http.ServeMux.
func patternDetails(pattern string) map[string]any {
	method, path, spaced := strings.Cut(pattern, " ")
	if !spaced {
		method, path = "", pattern
	}
	return map[string]any{"method": cmp.Or(method, "any"), "path": strings.TrimLeft(path, " ")}
}

// Describe implements [service.RowDescriber].
func (SocketMethod) Describe(r *service.Row) service.Description {
	return service.Description{Details: map[string]any{"socket": r.Signature().Name}}
}

// Describe implements [service.FieldDescriber].
func (Mount) Describe(f *service.Field) service.Description {
	return service.Description{Details: patternDetails(f.Tag.Get("web"))}
}
