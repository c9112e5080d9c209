package web

import (
	"bytes"
	"errors"
	"fmt"
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
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// An argumentReader reads the arguments of one call from its request and collects their faults.
type argumentReader struct {
	*binding
	r       *http.Request
	hold    *hold // accounts for the body's bytes
	budget  *codec.Budget
	values  []decoded // the arguments; its capacity is enough for all of them
	args    signature.Arguments
	leading []any
	faults  []Fault
}

// errNoMatch is the error for a path whose wildcards cannot be parsed as the method's types: no
// route has that path.
var errNoMatch = &Error{Status: http.StatusNotFound, Message: "nothing is at this path"}

// read reads the method's arguments, except for the request itself, in the order of the parameters:
// the wildcards, then the struct. The hold accounts for the bytes of the body; its decoded values
// may take up to memory bytes.
func (b *binding) read(r *http.Request, h *hold, memory int64) (args signature.Arguments, leading []any, err *Error) {
	rd := argumentReader{binding: b, r: r, hold: h, values: make([]decoded, 0, len(b.wildcards)+len(b.fields))}
	rd.budget = codec.NewBudget(r.Context(), int(memory))
	defer rd.budget.Close()
	if err := rd.readWildcards(); err != nil {
		return args, nil, err
	}
	if len(b.fields) > 0 {
		if err := rd.readFields(); err != nil {
			return args, nil, err
		}
	}
	if len(rd.faults) > 0 {
		return args, nil, faultsError(rd.faults)
	}
	return rd.args, rd.leading, nil
}

// readWildcards parses the wildcards that have their own parameter.
func (rd *argumentReader) readWildcards() *Error {
	for i := range rd.wildcards {
		w := &rd.wildcards[i]
		v := reflect.New(w.typ).Elem()
		if err := w.parse(rd.r.PathValue(w.name), v); err != nil {
			if errors.Is(err, errUTF8) {
				rd.addFault("path", w.name, err)
				continue
			}
			return errNoMatch
		}
		if rd.wildcardsLead {
			rd.leading = append(rd.leading, v.Interface())
		} else {
			rd.args.Positional = append(rd.args.Positional, rd.value(v, nil))
		}
	}
	return nil
}

// readFields decodes the fields of the struct.
func (rd *argumentReader) readFields() *Error {
	var query url.Values
	if text := rd.r.URL.RawQuery; text != "" {
		var err error
		if query, err = url.ParseQuery(text); err != nil {
			rd.addFault("query", "", errors.New("is malformed"))
		}
	}
	body, failed := rd.readBody(query)
	if failed != nil {
		return failed
	}
	into := reflect.New(rd.argsType).Elem()
	rd.args.Keyword = make([]signature.Named, 0, len(rd.fields))
	for i := range rd.fields {
		f := &rd.fields[i]
		v := into.FieldByIndex(f.index)
		var texts []string
		source := f.source
		switch source {
		case "path":
			texts = []string{rd.r.PathValue(f.key)}
		case "query":
			texts = query[f.key]
		case "header":
			texts = rd.r.Header[f.key]
		default:
			source = body.source
			if body.members != nil && body.members[i] != nil {
				err := rd.decode(f, body.members[i], v.Addr().Interface())
				if codec.Unread(err) {
					return unread(err)
				}
				rd.add(f, source, v, err)
				continue
			}
			texts = body.texts[f.key]
			if sent := body.query[f.key]; len(texts) == 0 && len(sent) > 0 {
				source, texts = "query", sent
			}
		}
		if len(texts) > 0 {
			err := f.decode(texts, v)
			if err != nil && source == "path" && !errors.Is(err, errUTF8) {
				return errNoMatch
			}
			rd.add(f, source, v, err)
		} else if !f.param.Optional {
			rd.addFault(source, f.key, errors.New("is missing"))
		}
	}
	return nil
}

// decode decodes one or more texts into v.
func (f *argsField) decode(texts []string, v reflect.Value) error {
	switch {
	case f.parse == nil:
		return errors.New("cannot be sent as text: send JSON")
	case !f.list && len(texts) > 1:
		return fmt.Errorf("is given %d times", len(texts))
	case !f.list:
		return f.parse(texts[0], v)
	}
	v.Set(reflect.MakeSlice(v.Type(), len(texts), len(texts)))
	for i, text := range texts {
		if err := f.parse(text, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// decode decodes a member of the body into v, a pointer to the field f.
func (rd *argumentReader) decode(f *argsField, data []byte, v any) error {
	if f.checked {
		return rd.budget.DecodeChecked(codec.JSON, data, v, rd.row.Lenient())
	}
	if rd.row.Lenient() {
		return rd.budget.Decode(codec.JSON, data, v)
	}
	return rd.budget.DecodeStrict(codec.JSON, data, v)
}

// add adds the value of a field to the arguments or, if it could not be decoded, err to the faults.
func (rd *argumentReader) add(f *argsField, source string, v reflect.Value, err error) {
	var invalid *service.ValidationError
	if f.checked && errors.As(err, &invalid) { // the container reports it, together with the faults of other arguments
		err = nil
	}
	if part := (*codec.ValueError)(nil); errors.As(err, &part) {
		rd.addFault(source, part.Below(f.key), errors.New(part.Reason))
		return
	}
	if err != nil {
		rd.addFault(source, f.key, err)
		return
	}
	rd.args.Keyword = append(rd.args.Keyword, signature.Named{Name: f.param.Name, Value: rd.value(v, invalid)})
}

// value returns v as an argument. If invalid is not nil, it says which constraints v breaks.
func (rd *argumentReader) value(v reflect.Value, invalid *service.ValidationError) signature.Value {
	rd.values = append(rd.values, decoded{v, invalid})
	return &rd.values[len(rd.values)-1]
}

// A decoded is an argument that has been decoded.
type decoded struct {
	reflect.Value
	invalid *service.ValidationError
}

// Decode implements [signature.Value].
func (d *decoded) Decode(v any) error {
	reflect.ValueOf(v).Elem().Set(d.Value)
	return nil
}

// DecodeChecked implements [signature.CheckedValue].
func (d *decoded) DecodeChecked(v any, _ bool) error {
	if err := d.Decode(v); err != nil || d.invalid == nil {
		return err
	}
	return d.invalid
}

// These limit the size of the response to a request with faults.
const (
	maxFaults    = 50
	maxFaultText = 200 // bytes
)

func (rd *argumentReader) addFault(source, name string, err error) {
	if len(rd.faults) == maxFaults {
		return
	}
	detail := err.Error()
	if rd.row.Sensitive() {
		detail = "does not fit"
	}
	rd.faults = append(rd.faults, Fault{In: source, Name: clipped(name), Detail: clipped(detail)})
}

func clipped(text string) string {
	return codec.ValidText(clip.Text(text, maxFaultText))
}

// A bodyValues holds the values of the fields that come from the body.
type bodyValues struct {
	source  string   // body, or query for a request without a body
	members [][]byte // the members of a JSON object, by field
	texts   map[string][]string
	query   url.Values // for fields that are not in the body; nil if requests with this method always have a body
}

// readBody reads the body. GET, HEAD and DELETE requests usually have no body and pass the fields
// in the query; if they do have a body, it takes precedence over the query.
func (rd *argumentReader) readBody(query url.Values) (bodyValues, *Error) {
	switch {
	case rd.fromBody == 0:
		return bodyValues{}, nil
	case !usuallyBodiless(rd.r):
		return rd.parseBody()
	case rd.r.ContentLength == 0:
		return bodyValues{source: "query", texts: query}, nil
	}
	b, failed := rd.parseBody()
	b.query = query
	return b, failed
}

// usuallyBodiless reports whether requests with this method usually have no body.
func usuallyBodiless(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete
}

// parseBody reads a body that is JSON or a form.
func (rd *argumentReader) parseBody() (bodyValues, *Error) {
	declared := rd.r.Header.Get("Content-Type")
	if declared == "application/json" { // the usual one
		return rd.readJSON()
	}
	kind, parameters, err := mime.ParseMediaType(declared)
	switch charset := strings.ToLower(parameters["charset"]); {
	case err != nil && declared != "", !slices.Contains([]string{"", "utf-8", "us-ascii"}, charset):
		return bodyValues{}, errContentType
	case kind == "", kind == "application/json", strings.HasSuffix(kind, "+json"):
		return rd.readJSON()
	case kind == "application/x-www-form-urlencoded":
		return rd.readForm()
	case kind == "multipart/form-data":
		return rd.readMultipart(parameters["boundary"])
	}
	return bodyValues{}, errContentType
}

var errContentType = &Error{
	Status:  http.StatusUnsupportedMediaType,
	Message: "send application/json, application/x-www-form-urlencoded or multipart/form-data, in UTF-8",
}

func (rd *argumentReader) readJSON() (bodyValues, *Error) {
	b := bodyValues{source: "body"}
	data, failed := rd.readAll()
	if failed != nil || len(data) == 0 {
		return b, failed
	}
	members, err := rd.budget.Map(codec.JSON, data)
	if codec.Unread(err) {
		return b, unread(err)
	}
	if err != nil { // further faults would not help the client
		rd.addFault("body", "", err)
		return b, faultsError(rd.faults)
	}
	b.members = make([][]byte, len(rd.fields))
	for _, m := range members {
		if i := rd.bodyField(m.Name); i >= 0 {
			b.members[i] = m.Value
		} else {
			rd.addFault("body", m.Name, errors.New("is not known"))
		}
	}
	return b, nil
}

// bodyField returns the index of the field with this name that comes from the body, or -1.
func (b *binding) bodyField(name string) int {
	for i := range b.fields {
		if f := &b.fields[i]; f.key == name && f.source == "body" {
			return i
		}
	}
	return -1
}

func (rd *argumentReader) readForm() (bodyValues, *Error) {
	data, failed := rd.readAll()
	if failed == nil {
		failed = rd.hold.take(int64(len(data))) // for the copy below
	}
	if failed != nil {
		return bodyValues{}, failed
	}
	values, err := url.ParseQuery(string(data)) // ParseQuery rejects more than 10,000 fields
	if rd.looksLikeJSON(data, values) {
		return bodyValues{}, errNotForm
	}
	if err != nil {
		rd.addFault("body", "", errors.New("is malformed"))
	}
	return bodyValues{source: "body", texts: values}, nil
}

// looksLikeJSON reports whether a form is probably JSON that was sent with curl -d: it begins with
// a brace or a bracket and has no known field.
func (rd *argumentReader) looksLikeJSON(data []byte, form url.Values) bool {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return false
	}
	for name := range form {
		if rd.bodyField(name) >= 0 {
			return false
		}
	}
	return true
}

var errNotForm = faultsError([]Fault{{In: "body", Detail: "looks like JSON, but its Content-Type is " +
	"application/x-www-form-urlencoded: send the header Content-Type: application/json"}})

// maxParts limits the parts of a multipart form. url.ParseQuery has the same limit for fields.
const maxParts = 10_000

// partOverhead is roughly the memory that a part takes in addition to its text.
const partOverhead = 512

// readMultipart reads a form that may contain files. It ignores the files.
func (rd *argumentReader) readMultipart(boundary string) (bodyValues, *Error) {
	b := bodyValues{source: "body", texts: make(map[string][]string)}
	parts := multipart.NewReader(rd.r.Body, boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if err == io.EOF {
			return b, rd.hold.arrived()
		}
		if err != nil {
			return b, bodyError(err)
		}
		if part.FileName() != "" {
			continue
		}
		name := part.FormName()
		if failed := rd.hold.take(int64(partOverhead + len(name))); failed != nil {
			return b, failed
		}
		text, err := readInto(rd.hold, part, 0)
		if err != nil {
			return b, bodyError(err)
		}
		b.texts[name] = append(b.texts[name], string(text))
	}
	return b, &Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the form has more than %d parts", maxParts)}
}

// readAll reads the whole body as UTF-8.
func (rd *argumentReader) readAll() ([]byte, *Error) {
	data, err := readInto(rd.hold, rd.r.Body, rd.r.ContentLength)
	if err != nil {
		return nil, bodyError(err)
	}
	failed := rd.hold.arrived()
	if failed == nil && !utf8.Valid(data) {
		failed = faultsError([]Fault{{In: "body", Detail: errUTF8.Error()}})
	}
	return data, failed
}
