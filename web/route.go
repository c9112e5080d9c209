package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/service"
)

// Route is a row of the entrypoint table: a method that is called over HTTP, `web:"GET /orders/{id}"`. The tag is a pattern
// in the language of [http.ServeMux]. What methods look like and what becomes of their results and errors is in the
// package.
type Route struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Route) Entrypoint(f *service.Field) (service.Entrypoint, error) {
	pattern := f.Tag("web")
	err := checkPattern(pattern)
	b, bindErr := newBinding(f, pattern)
	if err := errors.Join(f.Keys("web"), err, bindErr); err != nil {
		return nil, err
	}
	s, err := service.Shared(f.Host, newServer)
	if err != nil {
		return nil, err
	}
	return s, s.handle(f, pattern, &route{server: s, field: f, binding: b, crowd: s.crowdOf(f)})
}

// A route answers by the calls of its row.
type route struct {
	server  *server
	field   *service.Field
	binding *binding
	crowd   *crowd
}

// ServeHTTP answers one request.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{route: rt, r: r, writer: guardedWriter{w: w}}
	v.call.ID = w.Header().Get("X-Request-Id")
	args, lead, misfit := rt.binding.arguments(r)
	if misfit != nil {
		rt.server.fail(w, r, misfit)
		return
	}
	if err := rt.server.data(&v.call, r); err != nil {
		rt.server.fail(w, r, newError(err, v.call.ID))
		return
	}
	if rt.binding.request {
		lead = append(v.lead(), lead...)
	}
	v.call.Read(v.read)
	v.call.Limit(max(0, rt.server.cfg.Timeout))
	if !rt.crowd.enter() {
		w.Header().Set("Retry-After", "1")
		rt.server.fail(w, r, errCrowded)
		return
	}
	result, err := rt.field.Run(r.Context(), &v.call, args, lead...)
	rt.crowd.leave()
	v.answer(w, result, err)
}

// A visit is a request while its call runs.
type visit struct {
	*route
	r      *http.Request
	call   service.Call
	writer guardedWriter
}

// lead returns the values that a method is given of the request itself, whose ctx is the call's.
func (v *visit) lead() []any {
	if !v.binding.writes {
		return []any{func(ctx context.Context) any { return v.r.WithContext(ctx) }}
	}
	return []any{&v.writer, func(ctx context.Context) any {
		service.Lift(ctx)
		return v.r.WithContext(ctx)
	}}
}

var errLate = &Error{Status: http.StatusRequestTimeout, Message: "the request did not come in time"}

// streamed is the result of a call that has been answered by a stream.
type streamed struct{}

// read sends a result that is a stream, before what it comes from is closed.
func (v *visit) read(ctx context.Context, result any) (any, error) {
	if !isStream(result) {
		return result, nil
	}
	service.Lift(ctx)
	a, err := encodeResponse(result)
	if err == nil {
		err = a.sendStream(ctx, &v.writer, v.r)
	}
	return streamed{}, err
}

// answer ends the answer of a call that has come to result and err.
func (v *visit) answer(w http.ResponseWriter, result any, err error) {
	begun := v.writer.end()
	_, done := result.(streamed)
	switch {
	case err != nil && begun:
		panic(http.ErrAbortHandler) // it cannot be taken back: the client sees that it is cut off
	case err != nil && v.r.Context().Err() != nil:
		v.server.fail(w, v.r, errLate) // it is read only by a client whose body was too slow
		return
	case err != nil:
		v.server.fail(w, v.r, newError(err, v.call.ID))
		return
	case done, v.binding.writes:
		v.writer.finish()
		return
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a, err := encodeResponse(result)
	if err != nil {
		v.field.Logger().Error("result not sent", "call_id", v.call.ID, "err", err)
		v.server.fail(w, v.r, newError(err, v.call.ID))
		return
	}
	a.send(w, v.r)
}
