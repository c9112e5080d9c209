package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/gomeko/gomeko/internal/methodname"
	"github.com/gomeko/gomeko/service"
)

// Backend is an entrypoint row that serves HTTP requests from a queue of the broker. Its tag names
// the backend:
//
//	Site web.Backend `web:"shop"`
//
// The method is an [http.HandlerFunc], so it can pass requests on to any application written for
// net/http:
//
//	func (s *Shop) Site(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }
//
// A [Front], or the command gomeko front, receives requests from clients and puts them into the
// queue gomeko.http.shop. All processes with the row consume that queue, each handling as many
// requests at once as it has workers. None of them listens on a port.
//
// The handler sees the request as the client sent it: RemoteAddr is the client's address, which the
// Forwarded header also names. The request's context ends when the client disconnects, when the
// front's timeout expires, and when the front is lost. Writes block while the client reads slowly;
// Flush sends what has been written. Upgrades, such as websockets, are not forwarded, and 1xx
// responses are not sent.
//
// Each request is a call. If the call fails before the handler has written anything, the error is
// answered like that of a [Route], except that a timeout is answered with 504. After that, the
// response is cut off, so the client sees that it is incomplete. The tag key name sets the method's
// name in call ids.
type Backend struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Backend) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind(methodname.Of(r)+"()", writerType, requestType)
	if err := errors.Join(r.Tag.Keys("web", "name"), err); err != nil {
		return nil, err
	}
	queues, err := queuesOf(r.Host)
	if err != nil {
		return nil, err
	}
	cfg, _ := service.Lookup[Hooks](r.Host)
	b := &backend{row: r, hooks: cfg}
	return queues.Backend(r, r.Tag.Get("web"), b.serve)
}

// Describe implements [service.RowDescriber].
func (Backend) Describe(r *service.Row) service.Description {
	return service.Description{Details: map[string]any{"backend": r.Tag.Get("web")}, Params: []service.Parameter{}}
}

// Kind returns "backend", for [service.Row.Kind]: the row needs no port.
func (Backend) Kind() string { return "backend" }

// queuesOf returns the [Queues] that carries requests through the broker.
func queuesOf(h *service.Host) (Queues, error) {
	queues, ok := service.Lookup[Queues](h)
	if !ok {
		return queues, errors.New("nothing carries requests through queues: add service.Configure(fleet.HTTP()) to the services")
	}
	return queues, nil
}

// A backend answers the requests for one row.
type backend struct {
	row   *service.Row
	hooks Hooks
}

// serve is the [ServeFunc] of the row.
func (b *backend) serve(w http.ResponseWriter, r *http.Request, call service.Request) error {
	call.ID = requestID(r)
	fail := func(e *Error) error {
		writeError(w, r, e, false, b.hooks.Errors)
		return nil
	}
	if why := b.row.Unavailable(); why != nil {
		return fail(unavailable(why))
	}
	data, err := b.hooks.data(r)
	if err != nil {
		return fail(newError(err, call.ID))
	}
	call.Data = data
	writer := &guardedWriter{w: w}
	limited := context.Background()
	call.Leading = []any{writer, func(ctx context.Context) any { limited = ctx; return r.WithContext(ctx) }}
	_, err = b.row.Run(r.Context(), call)
	begun := writer.end()
	if err == nil && !begun && errors.Is(context.Cause(limited), context.DeadlineExceeded) { // the handler returned without writing because its time was up
		err = service.ErrTimeout
	}
	var panicked *service.PanicError
	switch {
	case err == nil:
		writer.finish()
		return nil
	case errors.Is(err, service.ErrStopped), begun:
		return err
	case errors.As(err, &panicked) && panicked.Value == any(http.ErrAbortHandler):
		return http.ErrAbortHandler
	}
	e := newError(err, b.row.CallID(call.ID))
	if errors.Is(err, service.ErrTimeout) {
		late := *e
		late.Status, late.Type = http.StatusGatewayTimeout, nameOf(http.StatusGatewayTimeout)
		e = &late
	}
	return fail(e)
}
