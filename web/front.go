package web

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A Front is a field of a service that forwards requests through a queue to a [Backend], which may
// run in another process. Its tag contains a pattern of [http.ServeMux] and the name of the
// backend:
//
//	type Shop struct {
//		_ service.Name `service:"shop"`
//
//		Legacy web.Front `web:"/legacy/" to:"legacy"`
//	}
//
// The path is forwarded unchanged. The requests pass through the middleware of [Hooks]. They are
// not calls of the service and take no worker. The response must begin within [Config].Timeout, or
// within the timeout of the tag, such as timeout:"5s". Bodies are limited by MaxBody, ReadTimeout
// and WriteTimeout of [Config].
//
// If no process serves the backend, a request is answered with 503; if the timeout expires, with
// 504. If the process that runs a request is lost, another process runs it again if that is safe;
// otherwise the request is answered with 502, or its response is cut off if it has begun.
type Front struct{}

// Dependency registers the front: it implements [service.DependencyType].
func (Front) Dependency(f *service.Field) (any, error) {
	pattern, timeout := f.Tag.Get("web"), f.Tag.Get("timeout")
	mistakes := []error{f.Tag.Keys("web", "to", "timeout"), checkPattern(pattern)}
	if f.Tag.Get("to") == "" {
		mistakes = append(mistakes, errors.New(`names no backend: add it, as in to:"shop"`))
	}
	limit, err := time.ParseDuration(cmp.Or(timeout, "1s"))
	if err != nil || limit <= 0 {
		mistakes = append(mistakes, errors.New(`timeout: must be a positive duration, such as "5s"`))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	forward, s, err := newFront(f.Host, f.Tag.Get("to"))
	if err != nil {
		return nil, err
	}
	if timeout != "" {
		forward.limit = limit
	}
	return Front{}, s.handle(place{service: f.Service, name: f.Name}, pattern, forward)
}

// Describe implements [service.FieldDescriber].
func (Front) Describe(f *service.Field) service.Description {
	d := service.Description{Details: patternDetails(f.Tag.Get("web"))}
	d.Details["to"] = f.Tag.Get("to")
	return d
}

// Forward forwards all requests that the HTTP server of the process receives to a backend, whatever
// their paths, except for those to [Config].ReadyPath and LivePath. A [service.Extension] calls it.
func Forward(h *service.Host, backend string) error {
	f, s, err := newFront(h, backend)
	if err == nil {
		s.forward = f
	}
	return err
}

func newFront(h *service.Host, backend string) (*front, *server, error) {
	queues, err := queuesOf(h)
	if err != nil {
		return nil, nil, err
	}
	forward, err := queues.Front(h, backend) // registered before the server, so it stops after it
	if err != nil {
		return nil, nil, err
	}
	s, err := service.Shared(h, newServer)
	if err != nil {
		return nil, nil, err
	}
	return &front{server: s, forward: forward, limit: max(0, s.cfg.Timeout)}, s, nil
}

// A front forwards requests.
type front struct {
	server  *server
	forward ForwardFunc
	limit   time.Duration // 0 means none
}

// smallBody is the largest body that is forwarded in one message.
const smallBody = 256 << 10

// ServeHTTP forwards a request.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := hold{memory: &f.server.memory}
	defer h.release()
	b, err := f.body(w, r, &h)
	if err == nil {
		err = f.forward(w, r, b, f.limit)
	}
	if err == nil {
		return
	}
	if err.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	if r.Body != nil && b.Parts != nil {
		w.Header().Set("Connection", "close") // do not wait for the rest of the body
	}
	f.server.fail(w, r, err)
}

// body returns the body of a request: whole if it fits into one message, otherwise as a reader.
func (f *front) body(w http.ResponseWriter, r *http.Request, h *hold) (Body, *Error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return Body{}, nil
	}
	cut := func() { _ = http.NewResponseController(w).SetReadDeadline(past) }
	if r.ContentLength > smallBody {
		return Body{Parts: faultReader{r.Body}, Cut: cut}, nil
	}
	h.cut = cut
	start, err := readInto(h, io.LimitReader(r.Body, smallBody+1), r.ContentLength)
	if err != nil {
		return Body{}, bodyError(err)
	}
	if err := h.arrived(); err != nil {
		return Body{}, err
	}
	if len(start) <= smallBody {
		return Body{Whole: start}, nil
	}
	return Body{Parts: io.MultiReader(bytes.NewReader(start), faultReader{r.Body}), Cut: cut}, nil
}

// A faultReader reads a body and returns errors in the form in which the client gets them.
type faultReader struct{ io.Reader }

// Read implements [io.Reader].
func (r faultReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // as io.Reader has it
		return n, bodyError(err)
	}
	return n, err
}
