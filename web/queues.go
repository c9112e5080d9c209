package web

import (
	"io"
	"net/http"
	"time"

	"github.com/gomeko/gomeko/service"
)

// Queues carries HTTP requests through queues of the broker, from [Front] to [Backend]. Package
// fleet provides it; packages runner and servicetest configure it. Other programs add it to their
// services:
//
//	service.Configure(fleet.HTTP())
//
// Its functions are called while the application is built. They use [service.Shared] to register
// what the container must start and stop.
type Queues struct {
	// Backend returns the entrypoint of a row. It calls serve for each request to the backend with
	// this name.
	Backend func(r *service.Row, name string, serve ServeFunc) (service.Entrypoint, error)

	// Front returns a function that forwards requests to the backend with this name.
	Front func(h *service.Host, name string) (ForwardFunc, error)
}

// A ServeFunc answers a request that came through a queue by making a call. If it returns an error
// or panics, the client gets 502, or the response is cut off if it has begun. If the error is
// [service.ErrStopped], another process may run the request instead.
type ServeFunc func(w http.ResponseWriter, r *http.Request, call service.Request) error

// A ForwardFunc forwards a request to a backend and writes the response. limit is the time within
// which the response must begin; 0 means no limit. If it returns an error, it has written nothing.
// If a response that has begun is cut off, it panics with [http.ErrAbortHandler].
type ForwardFunc func(w http.ResponseWriter, r *http.Request, b Body, limit time.Duration) *Error

// A Body is the body of a forwarded request.
type Body struct {
	Whole []byte    // a small body
	Parts io.Reader // a large body, nil if it is small; its errors are of type [*Error]
	Cut   func()    // makes a blocked read of Parts fail
}
