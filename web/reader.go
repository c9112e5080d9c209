package web

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/signature"
)

// A reader finds the arguments of one call in its request, and all that is wrong with them.
type reader struct {
	*binding
	r      *http.Request
	into   reflect.Value // the struct that is filled
	values []decoded     // what args has, of which there is room for all
	args   signature.Arguments
	lead   []any
	faults []Fault
}

// errNoMatch is the error of a path whose segments do not fit the method's types: it is not this route's.
var errNoMatch = &Error{Status: http.StatusNotFound, Message: "nothing is at this path"}

// arguments returns what the method is called with, besides the request itself.
func (b *binding) arguments(r *http.Request) (args signature.Arguments, lead []any, err *Error) {
	rd := reader{binding: b, r: r, values: make([]decoded, 0, len(b.segments)+len(b.inputs))}
	if err := rd.path(); err != nil {
		return args, nil, err
	}
	if len(b.inputs) > 0 {
		if err := rd.fields(); err != nil {
			return args, nil, err
		}
	}
	if len(rd.faults) > 0 {
		return args, nil, misfit(rd.faults)
	}
	return rd.args, rd.lead, nil
}

// path decodes the segments that are parameters.
func (rd *reader) path() *Error {
	for i := range rd.segments {
		s := &rd.segments[i]
		v := reflect.New(s.typ).Elem()
		if err := s.parse(rd.r.PathValue(s.name), v); err != nil {
			if errors.Is(err, errUTF8) {
				rd.fault("path", s.name, err)
				continue
			}
			return errNoMatch
		}
		if rd.ahead {
			rd.lead = append(rd.lead, v.Interface())
		} else {
			rd.args.Positional = append(rd.args.Positional, rd.value(v))
		}
	}
	return nil
}

// fields decodes the fields of the struct.
func (rd *reader) fields() *Error {
	var query url.Values
	if text := rd.r.URL.RawQuery; text != "" {
		var err error
		if query, err = url.ParseQuery(text); err != nil {
			rd.fault("query", "", errors.New("is malformed"))
		}
	}
	given, failed := rd.content(query)
	if failed != nil {
		return failed
	}
	rd.into = reflect.New(rd.fill).Elem()
	rd.args.Keyword = make([]signature.Named, 0, len(rd.inputs))
	for i := range rd.inputs {
		in := &rd.inputs[i]
		v := rd.into.FieldByIndex(in.index)
		var texts []string
		where := in.in
		switch in.in {
		case "path":
			texts = []string{rd.r.PathValue(in.key)}
		case "query":
			texts = query[in.key]
		case "header":
			texts = rd.r.Header[in.key]
		default:
			where = given.in
			if given.members != nil && given.members[i] != nil {
				rd.take(in, where, v, codec.JSON.Decode(given.members[i], v.Addr().Interface()))
				continue
			}
			texts = given.texts[in.key]
		}
		if len(texts) > 0 {
			err := in.texts(texts, v)
			if err != nil && in.in == "path" && !errors.Is(err, errUTF8) {
				return errNoMatch
			}
			rd.take(in, where, v, err)
		} else if !in.param.Optional {
			rd.fault(where, in.key, errors.New("is missing"))
		}
	}
	return nil
}

// take adds an argument, or the fault that it is.
func (rd *reader) take(in *input, where string, v reflect.Value, err error) {
	if err != nil {
		rd.fault(where, in.key, err)
		return
	}
	rd.args.Keyword = append(rd.args.Keyword, signature.Named{Name: in.param.Name, Value: rd.value(v)})
}

// value is v as an argument.
func (rd *reader) value(v reflect.Value) signature.Value {
	rd.values = append(rd.values, decoded{v})
	return &rd.values[len(rd.values)-1]
}

// What is told of a request is less than it may have sent.
const (
	mostFaults = 50
	mostText   = 200 // bytes of each
)

func (rd *reader) fault(in, name string, err error) {
	if len(rd.faults) == mostFaults {
		return
	}
	detail := err.Error()
	if rd.field.Sensitive() {
		detail = "does not fit"
	}
	rd.faults = append(rd.faults, Fault{In: in, Name: clipped(name), Detail: clipped(detail)})
}

func clipped(text string) string {
	if len(text) > mostText {
		text = text[:mostText] + "…"
	}
	return valid(text)
}

// A content is what fields are filled with that have no tag of another source.
type content struct {
	in      string   // where it was found
	members [][]byte // of a JSON object, by input
	texts   map[string][]string
}

// content reads the body: JSON, or a form. A request whose method has none has its query for it.
func (rd *reader) content(query url.Values) (content, *Error) {
	switch {
	case rd.sized == 0:
		return content{}, nil
	case rd.r.Method == http.MethodGet, rd.r.Method == http.MethodHead, rd.r.Method == http.MethodDelete:
		return content{in: "query", texts: query}, nil
	}
	declared := rd.r.Header.Get("Content-Type")
	if declared == "application/json" { // as most are
		return rd.json()
	}
	kind, parameters, err := mime.ParseMediaType(declared)
	switch charset := strings.ToLower(parameters["charset"]); {
	case err != nil && declared != "", !slices.Contains([]string{"", "utf-8", "us-ascii"}, charset):
		return content{}, unsupported
	case kind == "", kind == "application/json", strings.HasSuffix(kind, "+json"):
		return rd.json()
	case kind == "application/x-www-form-urlencoded":
		return rd.form()
	case kind == "multipart/form-data":
		return rd.multipart(parameters["boundary"])
	}
	return content{}, unsupported
}

var unsupported = &Error{
	Status:  http.StatusUnsupportedMediaType,
	Message: "send application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8",
}

func (rd *reader) json() (content, *Error) {
	c := content{in: "body"}
	data, failed := rd.body()
	if failed != nil || len(data) == 0 {
		return c, failed
	}
	members, err := codec.JSON.Map(data)
	if err != nil { // what its fields lack is not to the point
		rd.fault("body", "", err)
		return c, misfit(rd.faults)
	}
	c.members = make([][]byte, len(rd.inputs))
	for _, m := range members {
		if i := rd.named(m.Name); i >= 0 {
			c.members[i] = m.Value
		} else {
			rd.fault("body", m.Name, errors.New("is not known"))
		}
	}
	return c, nil
}

// named returns the index of the input that is found in a body by this name, -1 if there is none.
func (b *binding) named(name string) int {
	for i := range b.inputs {
		if in := &b.inputs[i]; in.key == name && in.in == "body" {
			return i
		}
	}
	return -1
}

func (rd *reader) form() (content, *Error) {
	data, failed := rd.body()
	values, err := url.ParseQuery(string(data))
	if err != nil {
		rd.fault("body", "", errors.New("is malformed"))
	}
	return content{in: "body", texts: values}, failed
}

// multipart reads a form as browsers send it that may have files in it: these are not read.
func (rd *reader) multipart(boundary string) (content, *Error) {
	c := content{in: "body", texts: make(map[string][]string)}
	for parts := multipart.NewReader(rd.r.Body, boundary); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return c, bodyError(err)
		}
		if part.FileName() != "" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return c, bodyError(err)
		}
		c.texts[part.FormName()] = append(c.texts[part.FormName()], string(text))
	}
}

// body reads the whole body.
func (rd *reader) body() ([]byte, *Error) {
	data, err := io.ReadAll(rd.r.Body)
	if err != nil {
		return nil, bodyError(err)
	}
	if !utf8.Valid(data) {
		return nil, misfit([]Fault{{In: "body", Detail: errUTF8.Error()}})
	}
	return data, nil
}
