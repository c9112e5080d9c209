package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"

	"github.com/gomeko/gomeko/codec"
)

// A Response is the result of a method that says more than a body.
type Response struct {
	Status int         // 0 is 200
	Header http.Header // may have a Content-Type; what it lacks is what Body would have alone
	Body   any         // what a method may return: string, []byte, io.Reader, what JSON can be made of; nil is none
}

const textType = "text/plain; charset=utf-8"

// kinds are what headers hold of the usual Content-Types, which nobody changes.
var kinds = map[string][]string{
	textType:                   {textType},
	"application/json":         {"application/json"},
	"application/octet-stream": {"application/octet-stream"},
}

// An answer is a result on its way out.
type answer struct {
	status int
	header http.Header // the method's own
	kind   string      // the Content-Type, if header has none; "" for none
	text   []byte
	stream io.Reader // in the place of text
}

// newAnswer makes an answer of what a method has returned. It runs code of the method's, such as MarshalJSON.
func newAnswer(result any) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	a.status = http.StatusOK
	switch r := result.(type) {
	case Response:
		return newAnswer(&r)
	case *Response:
		if r == nil {
			return a, errors.New("the result is a nil *web.Response")
		}
		if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
			return a, fmt.Errorf("the status of a web.Response is %d: want one from 200 to 599", r.Status)
		}
		if r.Body != nil {
			a, err = newAnswer(r.Body)
		}
		a.status, a.header = cmp.Or(r.Status, http.StatusOK), r.Header
		return a, err
	case string:
		a.kind, a.text = textType, []byte(r)
	case []byte:
		a.kind, a.text = "application/octet-stream", r
	case io.Reader:
		a.kind, a.stream = "application/octet-stream", r
	default:
		a.kind = "application/json"
		a.text, err = codec.JSON.Encode(r)
	}
	return a, err
}

// streams reports whether a result is a reader, or has one as its body.
func streams(result any) bool {
	switch r := result.(type) {
	case Response:
		return streams(r.Body)
	case *Response:
		return r != nil && streams(r.Body)
	case io.Reader:
		return true
	}
	return false
}

// head puts the headers of the answer into h.
func (a *answer) head(h http.Header) {
	maps.Copy(h, a.header)
	if a.kind != "" && h["Content-Type"] == nil && !bodyless(a.status) {
		h["Content-Type"] = kinds[a.kind]
	}
}

// send writes an answer that is no stream.
func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	a.head(w.Header())
	write(w, r, a.status, a.text)
}

// write writes a status and a whole body, for which w's headers are set.
func write(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	if !bodyless(status) {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(text))}
	}
	w.WriteHeader(status)
	if len(text) > 0 && !bodyless(status) && r.Method != http.MethodHead {
		_, _ = w.Write(text) // who does not take it is gone
	}
}

// bodyless reports whether an answer of the status has no body.
func bodyless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}

// copyTo writes an answer that is a stream, each part as it comes. A reader that can be closed is, also to end a Read when
// the call is over.
func (a *answer) copyTo(ctx context.Context, o *outlet, r *http.Request) error {
	if c, ok := a.stream.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer func() {
			if stop() {
				c.Close()
			}
		}()
	}
	a.head(o.Header())
	o.WriteHeader(a.status)
	if bodyless(a.status) || r.Method == http.MethodHead {
		return nil
	}
	part := make([]byte, 32<<10)
	for {
		n, err := a.stream.Read(part)
		if n > 0 {
			if _, err := o.Write(part[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			if err := o.FlushError(); err != nil {
				return err
			}
		}
	}
}
