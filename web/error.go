package web

import (
	"cmp"
	"errors"
	"fmt"
	"go/token"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// An Error is an error in the form in which a client receives it. A method may return one to choose
// the status:
//
//	return nil, &web.Error{Status: http.StatusConflict, Type: "Taken", Message: "the name is taken"}
//
// Other errors of a method are converted to an Error; the package documentation says how. The
// response is a line in Nameko's format, "Error: Taken: the name is taken", or problem+json (RFC
// 9457), depending on the Accept header. [Hooks].Errors replaces both.
type Error struct {
	Status  int     // from 400 to 599; any other value is sent as 500
	Type    string  // the name by which callers recognize the error; "" means the status text
	Message string  // a description for people
	Faults  []Fault // what is wrong with the request, for a 400 or 422
	Err     error   // the error of the call; nil if there was no call or the method returned this Error. It is not sent.

	line bool // a client without a preference receives the line
}

// Error returns the type and the message: "Taken: the name is taken".
func (e *Error) Error() string { return e.kind() + ": " + e.Message }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// HTTPStatus returns Status.
func (e *Error) HTTPStatus() int { return e.Status }

// Expected reports whether the status is a client error, from 400 to 499: see [service.Expected].
func (e *Error) Expected() bool { return e.Status >= 400 && e.Status < 500 }

func (e *Error) kind() string { return cmp.Or(e.Type, nameOf(e.Status)) }

// nameOf returns the status text as a type name: NotFound for 404.
func nameOf(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// Status returns err with an HTTP status. errors.Is still matches err, also for RPC callers, and
// the routes of callers written in Go answer with the same status. To give an [rpcerror.Error] a
// status where it is declared, use its method WithStatus.
//
//	if errors.Is(err, ErrNotFound) {
//		err = web.Status(http.StatusNotFound, err)
//	}
func Status(status int, err error) error { return &statusError{err, status} }

type statusError struct {
	error
	status int
}

// Expected reports whether the status is a client error.
func (e *statusError) Expected() bool { return e.status >= 400 && e.status < 500 }

func (e *statusError) Unwrap() error   { return e.error }
func (e *statusError) HTTPStatus() int { return e.status }

// newError returns what the client sees of err, the error of the call with this id.
func newError(err error, id string) *Error {
	var own *Error
	var status interface{ HTTPStatus() int }
	var large *http.MaxBytesError
	var invalid *service.ValidationError
	code := http.StatusInternalServerError
	switch {
	case errors.As(err, &own) && failure(own.Status):
		return own
	case errors.As(err, &status) && failure(status.HTTPStatus()):
		return exposed(status.HTTPStatus(), err)
	case status != nil && status.HTTPStatus() != 0: // a status that is not for errors is sent as 500
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, service.ErrTimeout), errors.Is(err, service.ErrStopped):
		code = http.StatusServiceUnavailable
	case errors.Is(err, rpcerror.ErrUnknownService), errors.Is(err, rpcerror.ErrNoConsumers):
		code = http.StatusServiceUnavailable
	case errors.Is(err, rpcerror.ErrTimeout):
		code = http.StatusGatewayTimeout
	case service.Expected(err) && errors.As(err, &invalid):
		return exposed(http.StatusUnprocessableEntity, err)
	case service.Expected(err):
		return exposed(http.StatusBadRequest, err)
	}
	return &Error{Status: code, Type: nameOf(code), Message: "call " + id, Err: err}
}

func failure(status int) bool { return status >= 400 && status < 600 }

// exposed returns an Error that shows the type and message of err, as RPC callers in Go see them.
func exposed(status int, err error) *Error {
	e := rpcerror.Original(err)
	if e.Path == "builtins.Exception" { // err has no name on the wire
		e.Type = cmp.Or(typeOf(err), nameOf(status))
	}
	return &Error{Status: status, Type: e.Type, Message: e.Value, Err: err}
}

// typeOf returns the type name of an expected error, or "" if the type is not exported.
func typeOf(err error) string {
	var status interface{ HTTPStatus() int }
	var expected interface{ Expected() bool }
	var t reflect.Type
	switch {
	case errors.As(err, &status):
		t = reflect.TypeOf(status)
		if _, ok := status.(*rpcerror.Error); ok { // from another service, which did not name the error
			return ""
		}
	case errors.As(err, &expected):
		t = reflect.TypeOf(expected)
	default:
		return ""
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !token.IsExported(t.Name()) {
		return ""
	}
	return t.Name()
}

// unavailable returns the error for a request that a service rejects because one of its
// dependencies is failing.
func unavailable(why error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Type: "Unavailable", Message: why.Error(), Err: why}
}

func tooLarge(limit int64) *Error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Type: "ContentTooLarge", Message: fmt.Sprintf("the body is larger than %d bytes", limit)}
}

// faultsError returns the error for a request with faults.
func faultsError(faults []Fault) *Error {
	texts := make([]string, len(faults))
	for i, f := range faults {
		texts[i] = strings.TrimSpace(f.In+" "+f.Name) + ": " + f.Detail
	}
	return &Error{Status: http.StatusBadRequest, Type: "BadRequest", Message: strings.Join(texts, "; "), Faults: faults}
}

// A problem is an [Error] in the format of RFC 9457.
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail"`
	Error  string  `json:"error"`
	Errors []Fault `json:"errors,omitempty"`
}

// fail answers a request with an error of the server. A client without a preference receives JSON,
// except for an unknown path, which is answered as by failLine.
func (s *server) fail(w http.ResponseWriter, r *http.Request, e *Error) {
	writeError(w, r, e, e == errNoMatch, s.hooks.Errors)
}

// failLine answers a request with an error that Nameko has too. A client without a preference
// receives a line, as from Nameko, unless it uses fetch.
func (s *server) failLine(w http.ResponseWriter, r *http.Request, e *Error) {
	writeError(w, r, e, true, s.hooks.Errors)
}

// fail and failLine answer a request like the server's methods of these names.
func (rt *route) fail(w http.ResponseWriter, r *http.Request, e *Error) {
	writeError(w, r, e, e == errNoMatch, rt.server.errorsFor(rt.row))
}

func (rt *route) failLine(w http.ResponseWriter, r *http.Request, e *Error) {
	writeError(w, r, e, true, rt.server.errorsFor(rt.row))
}

// writeError answers a request with e. It calls write if that is not nil.
func writeError(w http.ResponseWriter, r *http.Request, e *Error, line bool, write Errors) {
	sent := *e
	sent.line = line
	if !failure(e.Status) {
		sent.Status = http.StatusInternalServerError
	}
	if e == errBusy || e == errFull || e == errSockets || e == errFeeds || e == errStopping || errors.As(e.Err, new(*service.UnavailableError)) {
		w.Header().Set("Retry-After", "1")
	}
	if e == errFull || sent.Status == http.StatusRequestTimeout || sent.Status == http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close") // do not wait for the rest of the body
	}
	if write != nil {
		write(w, r, &sent)
		return
	}
	sent.Send(w, r)
}

// Send writes e as problem+json or as a line of text, depending on the Accept header. An [Errors]
// function calls it for the errors that it does not write itself.
func (e *Error) Send(w http.ResponseWriter, r *http.Request) {
	status := e.Status
	if !failure(status) {
		status = http.StatusInternalServerError
	}
	h := w.Header()
	if prefersJSON(r, !e.line || isFetch(r)) {
		text, err := codec.BrowserJSON.Encode(problem{"about:blank", http.StatusText(status), status, codec.ValidText(e.Message), codec.ValidText(e.kind()), e.Faults})
		if err == nil {
			h.Set("Content-Type", "application/problem+json")
			send(w, r, status, text)
			return
		}
	}
	h.Set("Content-Type", textType)
	h.Set("X-Content-Type-Options", "nosniff")
	send(w, r, status, []byte("Error: "+codec.ValidText(e.Error())+"\n"))
}

// isFetch reports whether the request comes from a script that uses fetch, which accepts anything
// by default.
func isFetch(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "navigate"
}

// prefersJSON reports whether the client prefers JSON to text. It returns neutral if the client has
// no preference.
func prefersJSON(r *http.Request, neutral bool) bool {
	quality := accepted(r)
	asJSON, named := quality["application/json"]
	if q, ok := quality["application/problem+json"]; ok {
		asJSON, named = max(asJSON, q), true
	}
	if named {
		return asJSON > 0 && asJSON >= quality["text/plain"]
	}
	for _, kind := range []string{"text/plain", "text/html", "text/*"} { // a person reads the response
		if quality[kind] > 0 {
			return false
		}
	}
	return neutral
}

// accepted returns the quality of each content type that the client accepts by name.
func accepted(r *http.Request) map[string]float64 {
	quality := map[string]float64{}
	for _, line := range r.Header["Accept"] {
		for part := range strings.SplitSeq(line, ",") {
			kind, parameters, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			quality[kind] = 1
			if q, err := strconv.ParseFloat(parameters["q"], 64); err == nil {
				quality[kind] = q
			}
		}
	}
	return quality
}
