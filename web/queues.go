package web

import (
	"io"
	"net/http"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Queues carries HTTP requests through queues of the broker, from [Front] to [Backend]. Package
// fleet has one; package runner and package servicetest configure it. Other programs add it to
// their services:
//
//	service.Configure(fleet.HTTP())
//
// Its functions are called while the application is made. They add what the container starts and
// stops, by [service.Shared].
type Queues struct {
	// Backend returns the entrypoint of a row that has serve called for each request to the backend
	// of this name.
	Backend func(r *service.Row, name string, serve ServeFunc) (service.Entrypoint, error)

	// Front returns what forwards requests to the backend of this name.
	Front func(h *service.Host, name string) (ForwardFunc, error)
}

// A ServeFunc answers a request that came through a queue with a call. If it returns an error, or
// panics, the answer is cut off, or the client gets 502 if there is none. With
// [service.ErrStopped], another process may run the request.
type ServeFunc func(w http.ResponseWriter, r *http.Request, call service.Request) error

// A ForwardFunc forwards a request to a backend, and writes the answer. The limit is the time until
// the answer begins; 0 is none. If it returns an error, nothing is written yet. It panics with
// [http.ErrAbortHandler] if an answer that has begun is cut off.
type ForwardFunc func(w http.ResponseWriter, r *http.Request, b Body, limit time.Duration) *Error

// A Body is the body of a request that is forwarded.
type Body struct {
	Whole []byte    // if it is small
	Parts io.Reader // if it is large, nil otherwise; its errors are [*Error]
	Cut   func()    // makes a read of Parts fail that waits for the client
}
