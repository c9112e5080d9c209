package crew

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// channel is the hub's channel that the web process listens to.
const channel = "test"

// Worker runs the tasks.
type Worker struct {
	_ service.Name `service:"crew"`

	Entrypoints struct {
		Test    rpc.Method `rpc:"test"`
		Stat    rpc.Method `rpc:"stat"`
		Dead    rpc.Method `rpc:"dead"`
		Loop    rpc.Method `rpc:"loop" timeout:"2s" isolate:"process" memory:"512MiB"`
		Publish rpc.Method `rpc:"publish(message)"`

		Site web.Backend `web:"crew"`
	}

	Hub web.Hub

	served *atomic.Int64 // calls run on copies of the struct, so shared state is behind a pointer
	site   http.Handler
}

// NewWorker returns a worker that has served no tasks.
func NewWorker() *Worker { return &Worker{served: new(atomic.Int64), site: newSite()} }

// An Answer is the result of a task, with the values that crew's workers put into response headers.
type Answer struct {
	Text   string `json:"text"`
	Worker string `json:"worker"` // the process that ran the task
}

// Test returns the article's text and the process that ran the task.
func (w *Worker) Test(ctx context.Context) (Answer, error) {
	w.served.Add(1)
	return Answer{Text: "Wake up Neo.\n", Worker: service.FromContext(ctx).Instance}, nil
}

// Stat counts its own call, too.
func (w *Worker) Stat(ctx context.Context) (string, error) {
	instance := service.FromContext(ctx).Instance
	return fmt.Sprintf("I'm worker %q. And I serve %d tasks", instance, w.served.Add(1)), nil
}

// Dead works until the deadline that its caller sets.
func (*Worker) Dead(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// Loop never returns and ignores its ctx. Its process is killed.
func (*Worker) Loop(context.Context) error {
	for { //nolint:staticcheck // the loop must not end
	}
}

// Publish sends a message to every listening client.
func (w *Worker) Publish(ctx context.Context, message string) error {
	return w.Hub.Broadcast(ctx, channel, "published", message)
}
