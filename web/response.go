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

// A Response is a method's result with a status and headers. Header may set the Content-Type;
// otherwise it depends on Body, as if Body were the result.
type Response struct {
	Status int // from 200 to 599; 0 means 200
	Header http.Header
	Body   any // whatever a method may return: string, []byte, io.Reader or a JSON value; nil means no body
}

const textType = "text/plain; charset=utf-8"

// contentTypes holds the usual values of the Content-Type header. They are shared and must not be
// changed.
var contentTypes = map[string][]string{
	textType:                   {textType},
	"application/json":         {"application/json"},
	"application/octet-stream": {"application/octet-stream"},
}

// An encodedResponse is a result that is ready to be sent.
type encodedResponse struct {
	status      int
	header      http.Header // the method's
	contentType string      // if header has none; "" for none
	body        []byte
	stream      io.Reader // replaces body
}

// encodeResponse encodes a method's result. It uses c for results that are not text, bytes or a
// stream. It runs code of the result, such as MarshalJSON.
func encodeResponse(c codec.Codec, result any) (e encodedResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	e.status = http.StatusOK
	switch r := result.(type) {
	case Response:
		return encodeResponse(c, &r)
	case *Response:
		if r == nil {
			return e, errors.New("the result is a nil *web.Response: return nil for no body")
		}
		if r.Status != 0 && (r.Status < 200 || r.Status > 599) {
			return e, fmt.Errorf("a web.Response has the status %d: it must be from 200 to 599", r.Status)
		}
		if r.Body != nil {
			e, err = encodeResponse(c, r.Body)
		}
		e.status, e.header = cmp.Or(r.Status, http.StatusOK), r.Header
		return e, err
	case string:
		e.contentType, e.body = textType, []byte(r)
	case []byte:
		e.contentType, e.body = "application/octet-stream", r
	case io.Reader:
		e.contentType, e.stream = "application/octet-stream", r
	default:
		e.contentType = "application/json"
		e.body, err = c.Encode(r)
	}
	return e, err
}

// isStream reports whether a result, or the body of a Response, is an io.Reader.
func isStream(result any) bool {
	switch r := result.(type) {
	case Response:
		return isStream(r.Body)
	case *Response:
		return r != nil && isStream(r.Body)
	case io.Reader:
		return true
	}
	return false
}

// send writes a response that is not a stream.
func (e *encodedResponse) send(w http.ResponseWriter, r *http.Request) {
	e.setHeader(w.Header())
	send(w, r, e.status, e.body)
}

// sendStream writes a response that is a stream, and flushes each part that the reader returns. If
// the reader has a method Close, it is called at the end, and also when ctx ends, to unblock a
// Read.
func (e *encodedResponse) sendStream(ctx context.Context, g *guardedWriter, r *http.Request) error {
	if c, ok := e.stream.(io.Closer); ok {
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer func() {
			if stop() {
				c.Close()
			}
		}()
	}
	e.setHeader(g.Header())
	g.WriteHeader(e.status)
	if bodyless(e.status) || r.Method == http.MethodHead {
		return nil
	}
	part := make([]byte, 32<<10)
	for {
		n, err := e.stream.Read(part)
		if n > 0 {
			if _, err := g.Write(part[:n]); err != nil {
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
			if err := g.FlushError(); err != nil {
				return err
			}
		}
	}
}

// setHeader sets the response's headers in h.
func (e *encodedResponse) setHeader(h http.Header) {
	maps.Copy(h, e.header)
	if e.contentType != "" && h["Content-Type"] == nil && !bodyless(e.status) {
		h["Content-Type"] = contentTypes[e.contentType]
	}
}

// send writes a status and a complete body. The headers of w must be set already.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if !bodyless(status) {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 && !bodyless(status) && r.Method != http.MethodHead {
		_, _ = w.Write(body) // on an error the client has disconnected
	}
}

// bodyless reports whether a response with the status has no body.
func bodyless(status int) bool {
	return status < 200 || status == http.StatusNoContent || status == http.StatusNotModified
}
