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
	return s, s.handle(f, pattern, &route{server: s, field: f, binding: b})
}

// A route answers by the calls of its row.
type route struct {
	server  *server
	field   *service.Field
	binding *binding
}

// ServeHTTP answers one request.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	args, lead, misfit := rt.binding.arguments(r)
	if misfit != nil {
		rt.server.fail(w, r, misfit)
		return
	}
	call := &service.Call{ID: w.Header().Get("X-Request-Id")}
	if err := rt.server.data(call, r); err != nil {
		rt.server.fail(w, r, newError(err, call.ID))
		return
	}
	o := newOutlet(w)
	if rt.binding.request {
		lead = append([]any{func(ctx context.Context) any { return r.WithContext(ctx) }}, lead...)
	}
	if rt.binding.writes {
		lead = append([]any{o}, lead...)
	}
	call.Read(func(ctx context.Context, result any) (any, error) {
		if streams(result) == nil {
			return result, nil
		}
		a, err := newAnswer(result)
		if err == nil {
			err = a.copyTo(ctx, o, r)
		}
		return streamed{}, err
	})
	result, err := rt.field.Run(r.Context(), call, args, lead...)
	rt.answer(w, r, o, call, result, err)
}

// streamed is the result of a call that has been answered by a stream.
type streamed struct{}

// answer ends the answer of a call that has come to result and err.
func (rt *route) answer(w http.ResponseWriter, r *http.Request, o *outlet, call *service.Call, result any, err error) {
	if begun := o.end(); err != nil {
		if begun {
			panic(http.ErrAbortHandler) // it cannot be taken back: the client sees that it is cut off
		}
		rt.server.fail(w, r, newError(err, call.ID))
		return
	}
	if _, done := result.(streamed); done || rt.binding.writes {
		o.finish()
		return
	}
	if result == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	a, err := newAnswer(result)
	if err != nil {
		rt.field.Logger().Error("result not sent", "call_id", call.ID, "err", err)
		rt.server.fail(w, r, newError(err, call.ID))
		return
	}
	a.send(w, r)
}
