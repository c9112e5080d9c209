package crew

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.uber.org/fx"
	"golang.org/x/sync/errgroup"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Module contains both services. gomeko run ./examples/crew:Web runs only one of them.
var Module = fx.Module("crew", service.Provide(NewWeb()), service.Provide(NewWorker()))

//go:embed page
var files embed.FS

// NewWeb returns the web service with its page.
func NewWeb() *Web { return &Web{Page: web.Mount{Handler: http.FileServerFS(files)}} }

// Web answers HTTP requests with the results of tasks.
type Web struct {
	_ service.Name `service:"crew_web"`

	Entrypoints struct {
		Test      web.Route `web:"GET /{$}"`
		Stat      web.Route `web:"GET /stat"`
		Fast      web.Route `web:"GET /fast"`
		Loop      web.Route `web:"GET /loop"`
		Parallel  web.Route `web:"GET /parallel"`
		Subscribe web.Feed  `web:"GET /subscribe"`
		Publish   web.Route `web:"POST /publish"`
		Publish2  web.Route `web:"POST /publish2"`
	}

	Page  web.Mount `web:"GET /page/"`
	Site  web.Front `web:"/site/" to:"crew"`
	Hub   web.Hub
	Tasks Tasks
}

// Tasks is a client of the workers.
type Tasks struct {
	_ rpc.Client `rpc:"crew"`

	Test    func(context.Context) (Answer, error)           `rpc:"test"`
	Stat    func(context.Context) (string, error)           `rpc:"stat"`
	Dead    func(context.Context) (string, error)           `rpc:"dead"`
	Loop    func(context.Context) error                     `rpc:"loop"`
	Publish func(ctx context.Context, message string) error `rpc:"publish"`
}

// Test runs one task. The header of the response is a field of its result.
func (w *Web) Test(ctx context.Context) (web.Response, error) {
	answer, err := w.Tasks.Test(ctx)
	if err != nil {
		return web.Response{}, err
	}
	return web.Response{Header: http.Header{"X-Worker": {answer.Worker}}, Body: show(answer.Text)}, nil
}

// Stat sends its request as a transient message, which the broker does not store on disk:
// persistent=False.
func (w *Web) Stat(ctx context.Context) (string, error) {
	text, err := w.Tasks.Stat(rpc.With(ctx, rpc.Persistent(false)))
	return show(text) + "\n", err
}

// Fast runs a task that takes longer than its timeout of 3 s.
func (w *Web) Fast(ctx context.Context) (web.Response, error) {
	text, err := w.Tasks.Dead(rpc.With(ctx, rpc.Timeout(3*time.Second), rpc.Persistent(false)))
	switch {
	case errors.Is(err, rpc.ErrNoConsumers), errors.Is(err, rpc.ErrUnknownService):
		return web.Response{Status: http.StatusServiceUnavailable, Body: "All workers are gone\n"}, nil
	case errors.Is(err, rpc.ErrTimeout):
		return web.Response{Status: http.StatusGatewayTimeout, Body: "Timeout\n"}, nil
	}
	return web.Response{Body: show(text)}, err
}

// Loop runs a task that never returns. Its worker kills it after 2 s.
func (w *Web) Loop(ctx context.Context) (web.Response, error) {
	err := w.Tasks.Loop(ctx)
	if errors.Is(err, rpc.ErrTimeout) {
		return web.Response{Status: http.StatusGatewayTimeout, Body: "Killed\n"}, nil
	}
	return web.Response{}, err
}

// Parallel runs two tasks concurrently. An error of one cancels the other.
func (w *Web) Parallel(ctx context.Context) (string, error) {
	var test Answer
	var stat string
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		test, err = w.Tasks.Test(ctx)
		return err
	})
	g.Go(func() (err error) {
		stat, err = w.Tasks.Stat(ctx)
		return err
	})
	err := g.Wait()
	return fmt.Sprintf("Test result: %s\nStat result: %s\n", test.Text, stat), err
}

// Subscribe returns the channels that a client may listen to.
func (*Web) Subscribe(context.Context) ([]string, error) { return []string{channel}, nil }

// Publish asks a worker to publish the body of the request.
func (w *Web) Publish(ctx context.Context, r *http.Request) error {
	message, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return w.Tasks.Publish(ctx, string(message))
}

// Publish2 publishes the body of the request without a worker.
func (w *Web) Publish2(ctx context.Context, r *http.Request) error {
	message, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return w.Hub.Broadcast(ctx, channel, "published", string(message))
}

// show writes a result with its type, as the article does.
func show(result any) string { return fmt.Sprintf("%T: %v", result, result) }
