package connection_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// All has a row and a field of every kind.
type All struct {
	_ service.Name `service:"all"`

	Entrypoints struct {
		Serve   rpc.Method         `rpc:"serve"`
		Handle  events.Handler     `events:"all.done" method:"Take"`
		Consume messaging.Consumer `messaging:"all" method:"Take"`
	}

	Self     rpc.Client `rpc:"all"`
	Dispatch events.Dispatcher
	Publish  messaging.Publisher `queue:"all"`

	taken chan string
}

// Serve publishes an event and a message.
func (a *All) Serve(ctx context.Context) error {
	if err := a.Dispatch(ctx, "done", "event"); err != nil {
		return err
	}
	return a.Publish(ctx, "message")
}

func (a *All) Take(_ context.Context, payload string) error { a.taken <- payload; return nil }

// Listener only consumes.
type Listener struct {
	_ service.Name `service:"listener"`

	Entrypoints struct {
		Handle events.Handler `events:"all.done" method:"Take"`
	}
}

func (*Listener) Take(context.Context, string) error { return nil }

// Caller only publishes, and consumes replies.
type Caller struct {
	_ service.Name `service:"caller"`

	All rpc.Client `rpc:"all"`
}

// TestConnections counts the connections of processes, in the broker's list and by what they dial.
func TestConnections(t *testing.T) {
	t.Parallel()
	all := &All{taken: make(chan string, 10)}
	for name, test := range map[string]struct {
		service any
		want    []string
	}{
		"all":      {all, []string{"test", "test consuming"}},
		"listener": {new(Listener), []string{"test consuming"}},
		"caller":   {new(Caller), []string{"test"}},
	} {
		t.Run(name, func(t *testing.T) {
			brokertest.Managed(t, func(t *testing.T, uri, api string) {
				var dialed atomic.Int32
				broker := transport.Config{URI: uri, Name: "test", Dial: func(ctx context.Context, addr string) (net.Conn, error) {
					dialed.Add(1)
					return new(net.Dialer).DialContext(ctx, "tcp", addr)
				}}
				p := hosttest.Start(t, hosttest.Config{Broker: broker}, test.service)
				if n := int(dialed.Load()); n != len(test.want) {
					t.Errorf("got %d connections, want %d", n, len(test.want))
				}
				hosttest.Eventually(t, "the broker lists "+strings.Join(test.want, ", "), func() bool {
					return slices.Equal(listed(t, uri, api), test.want)
				})
				if test.service == all {
					if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("all").Call(t.Context(), "serve", nil); err != nil {
						t.Error(err)
					}
					got := []string{hosttest.Receive(t, "one", all.taken), hosttest.Receive(t, "the other", all.taken)}
					if slices.Sort(got); !slices.Equal(got, []string{"event", "message"}) {
						t.Errorf("got %q taken", got)
					}
				}
				hosttest.Close(t, p.Stop)
			})
		})
	}
}

// listed returns the sorted names of the connections that the broker lists for the virtual host.
func listed(t *testing.T, uri, api string) (names []string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: hosttest.Timeout}
	response, err := client.Get(api + "/api/connections")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var connections []struct {
		VHost string `json:"vhost"`
		Name  string `json:"user_provided_name"`
	}
	if err := json.NewDecoder(response.Body).Decode(&connections); err != nil {
		t.Fatal(err)
	}
	vhost := uri[strings.LastIndex(uri, "/")+1:]
	for _, c := range connections {
		if strings.HasPrefix(c.Name, "test") && (vhost == "" || c.VHost == vhost) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Worker publishes a message for each one that it consumes, until the broker blocks publishers.
type Worker struct {
	_ service.Name `service:"worker"`

	Entrypoints struct {
		Work messaging.Consumer `messaging:"work"`
	}

	Send messaging.Publisher `queue:"sent"`

	begun chan string
	alarm chan struct{} // closed when the alarm is raised
}

func (w *Worker) Work(ctx context.Context, payload string) error {
	w.begun <- payload
	<-w.alarm
	for {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		err := w.Send(ctx, payload)
		cancel()
		if err != nil && strings.Contains(err.Error(), "broker blocks publishing") {
			return nil
		}
	}
}

// TestAlarm makes RabbitMQ run low on memory. It blocks publishing, but acknowledgements still
// arrive.
func TestAlarm(t *testing.T) {
	t.Parallel()
	node := brokertest.StartNode(t)
	w := &Worker{begun: make(chan string), alarm: make(chan struct{})}
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: node.URI()}}, w)
	peer := hosttest.Dial(t, transport.Config{URI: node.URI()})
	for range 2 {
		if err := peer.Publish(t.Context(), transport.Publishing{Key: "work", Body: []byte(`"work"`)}); err != nil {
			t.Fatal(err)
		}
		hosttest.Receive(t, "the work", w.begun)
	}
	node.Control("set_vm_memory_high_watermark", "0.00001")
	close(w.alarm)
	hosttest.Eventually(t, "both are acknowledged", func() bool {
		return strings.Contains(node.Control("list_queues", "-q", "name", "messages"), "work\t0")
	})
	node.Control("set_vm_memory_high_watermark", "0.6") // lets the connection be closed properly
}
