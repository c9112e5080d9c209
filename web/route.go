package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/service"
)

// Route is an entrypoint row whose method is called over HTTP. Its tag is a pattern of
// [http.ServeMux]:
//
//	ShowOrder web.Route `web:"GET /orders/{id}"`
//
// The package documentation describes the parameters and results that a method may have. The tag
// key name sets the method's name in call ids; the default is the method's name in snake case, as
// in Nameko: orders.show_order.<uuid>.
type Route struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Route) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	pattern := r.Tag.Get("web")
	err := checkPattern(pattern)
	b, bindErr := newBinding(r, translated(pattern))
	if err := errors.Join(r.Tag.Keys("web", "name"), err, bindErr); err != nil {
		return nil, err
	}
	s, err := service.Shared(r.Host, newServer)
	if err != nil {
		return nil, err
	}
	if err := b.checkTypes(s.cfg.Codec); err != nil {
		return nil, err
	}
	return s, s.handle(place{r.Service, r.Name, r}, pattern, &route{server: s, row: r, binding: b, admission: s.admission(r.Service)})
}

// A route answers requests with calls of its row.
type route struct {
	server    *server
	row       *service.Row
	binding   *binding
	admission *admission
}

// ServeHTTP answers one request: it reads the arguments and the context data, waits for a worker,
// runs the method and writes the response.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, result, ok := rt.call(w, r)
	if !ok {
		return
	}
	defer c.hold.release()
	c.respond(w, result.value, result.err)
}

// A callResult is what a call returned.
type callResult struct {
	value any
	err   error
}

// call makes the call for a request. If the request is refused, it answers the request, and ok is
// false.
func (rt *route) call(w http.ResponseWriter, r *http.Request) (c *routeCall, result callResult, ok bool) {
	if why := rt.row.Unavailable(); why != nil {
		rt.refuse(w, r, unavailable(why))
		return
	}
	c = &routeCall{route: rt, r: r, id: w.Header().Get("X-Request-Id"), writer: guardedWriter{w: w}}
	c.hold.memory = &rt.server.memory
	defer c.hold.release() // for the arguments
	if rt.binding.fromBody > 0 {
		c.hold.cut = func() { _ = http.NewResponseController(w).SetReadDeadline(past) }
	}
	args, leading, fault := rt.binding.read(r, &c.hold, rt.server.cfg.MaxDecoded)
	if fault != nil {
		rt.refuse(w, r, fault)
		return
	}
	data, err := rt.server.hooks.data(r)
	if err != nil {
		rt.refuse(w, r, newError(err, c.id))
		return
	}
	if rt.binding.takesRequest {
		leading = append(c.leading(), leading...)
	}
	if !rt.admission.enter() {
		rt.refuse(w, r, errBusy)
		return
	}
	result.value, result.err = rt.row.Run(r.Context(), service.Request{
		ID:        c.id,
		Data:      data,
		Header:    r.Header,
		Arguments: args,
		Leading:   leading,
		Limit:     max(0, rt.server.cfg.Timeout),
		Result:    c.sendStream,
		Cancelled: errDisconnected,
	})
	rt.admission.leave()
	return c, result, true
}

// refuse answers a request for which no call is made.
func (rt *route) refuse(w http.ResponseWriter, r *http.Request, why *Error) {
	rt.row.Host.Observers().Refused(r.Context(), rt.row, r.Header, why)
	rt.fail(w, r, why)
}

// A routeCall is the call that answers one request.
type routeCall struct {
	*route
	r      *http.Request
	id     string // the last part of the call's id
	writer guardedWriter
	hold   hold // for the arguments, then for the response
}

// leading returns the parameters that a method takes from the request itself: the request with the
// call's context, and the writer.
func (c *routeCall) leading() []any {
	if !c.binding.takesWriter {
		return []any{func(ctx context.Context) any { return c.r.WithContext(ctx) }}
	}
	return []any{&c.writer, func(ctx context.Context) any {
		service.Lift(ctx)
		return c.r.WithContext(ctx)
	}}
}

// past is a deadline that makes a read or write fail at once.
var past = time.Unix(1, 0)

// streamed is the result of a call whose stream has already been sent.
type streamed struct{}

// sendStream sends a result that is a stream while the call's dependencies are still open. It
// returns other results unchanged.
func (c *routeCall) sendStream(ctx context.Context, result any) (any, error) {
	if sequence.Item(reflect.TypeOf(result)) != nil {
		return c.sendItems(ctx, result)
	}
	if !isStream(result) {
		return result, nil
	}
	service.Lift(ctx)
	e, err := encodeResponse(c.server.cfg.Codec, result)
	if err == nil {
		err = e.sendStream(ctx, &c.writer, c.r)
	}
	return streamed{}, err
}

// errDisconnected is the cause of cancelled requests.
var errDisconnected = errors.New("the client disconnected")

var errLate = &Error{Status: http.StatusRequestTimeout, Message: "the request did not arrive in time"}

// respond writes the response for the call's result and error.
func (c *routeCall) respond(w http.ResponseWriter, result any, err error) {
	begun := c.writer.end()
	_, sent := result.(streamed)
	switch {
	case err != nil && begun:
		panic(http.ErrAbortHandler) // cut the response off, so the client does not take it for complete
	case err != nil && c.r.Context().Err() != nil:
		c.fail(w, c.r, errLate) // the only client that can still read it is one whose body was too slow
		return
	case err != nil:
		c.failCall(w, newError(err, c.row.CallID(c.id)))
		return
	case sent, c.binding.takesWriter:
		c.writer.finish()
		return
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	e, err := encodeResponse(c.server.cfg.Codec, result)
	if err != nil {
		c.row.Logger().Error("result not sent", "call_id", c.row.CallID(c.id), "err", clip.Error(err))
		c.failLine(w, c.r, newError(err, c.row.CallID(c.id)))
		return
	}
	if len(e.body) > uncounted {
		c.hold.cut = func() { _ = http.NewResponseController(w).SetWriteDeadline(past) }
		if full := c.hold.take(min(int64(len(e.body)), c.server.memory.limit/2)); full != nil { // larger responses are sent, too
			c.fail(w, c.r, full)
			return
		}
	}
	e.send(w, c.r)
}

// failCall answers the request with the error of its call.
func (c *routeCall) failCall(w http.ResponseWriter, e *Error) {
	if e.Status >= http.StatusInternalServerError || e.Faults != nil {
		c.failLine(w, c.r, e)
		return
	}
	faults := c.binding.faultsOf(c.r, e.Err)
	if faults == nil {
		c.failLine(w, c.r, e)
		return
	}
	invalid := *e // a copy, because it may be the method's
	invalid.Faults = faults
	c.fail(w, c.r, &invalid)
}

// An admission limits the requests of a service that run or wait for a worker, because each of them
// holds its arguments in memory.
type admission struct {
	limit int64
	count atomic.Int64
}

var errBusy = &Error{Status: http.StatusServiceUnavailable, Message: "too many requests are waiting: try again"}

// admission returns the admission of a service. It is called while the application is built.
func (s *server) admission(service string) *admission {
	a := s.admissions[service]
	if a == nil {
		workers := s.host.Workers()
		a = &admission{limit: int64(workers + cmp.Or(s.cfg.MaxWaiting, waitingPerWorker*workers))}
		s.admissions[service] = a
	}
	return a
}

// enter counts a request. It returns false if there are too many.
func (a *admission) enter() bool {
	if a.count.Add(1) <= a.limit {
		return true
	}
	a.leave()
	return false
}

// leave is called when the request's call has ended.
func (a *admission) leave() { a.count.Add(-1) }
