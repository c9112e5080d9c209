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

// channel is the channel of the hub that the web process listens to.
const channel = "test"

// Worker has the tasks.
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

	served *atomic.Int64 // calls run on copies of the struct, so what they share is behind a pointer
	site   http.Handler
}

// NewWorker returns a worker that has served no tasks.
func NewWorker() *Worker { return &Worker{served: new(atomic.Int64), site: newSite()} }

// An Answer is the result of a task, with what crew's workers put into headers of their response.
type Answer struct {
	Text   string `json:"text"`
	Worker string `json:"worker"` // the process that has run the task
}

// Test returns the text of the article, and the process that has run the task.
func (w *Worker) Test(ctx context.Context) (Answer, error) {
	w.served.Add(1)
	return Answer{Text: "Wake up Neo.\n", Worker: service.FromContext(ctx).Instance}, nil
}

// Stat counts itself, too.
func (w *Worker) Stat(ctx context.Context) (string, error) {
	instance := service.FromContext(ctx).Instance
	return fmt.Sprintf("I'm worker %q. And I serve %d tasks", instance, w.served.Add(1)), nil
}

// Dead works until its time is over, which its caller sets.
func (*Worker) Dead(ctx context.Context) (string, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// Loop never returns, and does not look at its ctx. Its process is killed.
func (*Worker) Loop(context.Context) error {
	for { //nolint:staticcheck // it is about a loop that nothing ends
	}
}

// Publish sends a message to everybody who listens.
func (w *Worker) Publish(ctx context.Context, message string) error {
	return w.Hub.Broadcast(ctx, channel, "published", message)
}
