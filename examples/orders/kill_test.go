package orders_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"sync"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// The program is killed after it has committed an order, but before the broker has received the
// reply and the acknowledgement. The broker redelivers the request to the next process. The method
// runs again, and the caller receives the one order. Its event was committed with it, and is sent
// if the first process has not sent it.
func TestKilledBeforeAck(t *testing.T) {
	shop := hosttest.Build(t, "./shop")
	brokertest.Each(t, func(t *testing.T, uri string) {
		eachDatabase(t, func(t *testing.T, settings orders.Settings) {
			ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
			defer cancel()

			// The program is connected through a wire that is cut when the order appears, which is
			// in the reply.
			wire := newWire(t, uri, `"result":{"id":"a1"`)
			heard := &Listener{heard: make(chan orders.Order, 10)}
			hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, heard)
			program := start(t, shop, wire.uri, settings)
			created := create(t, ctx, uri, Request{ID: "a1", UserID: 7, Product: "tea"})
			select {
			case <-wire.cut:
			case err := <-created:
				t.Fatalf("got a reply before the kill: %v", err)
			case <-ctx.Done():
				t.Fatal("no reply was sent")
			}
			program.Kill()
			if order, err := stored(t, settings, "a1"); err != nil || order.Product != "tea" {
				t.Fatalf("got %+v, %v, want the order: it was committed before the reply", order, err)
			}

			redelivered := serve(t, uri, settings)
			if err := <-created; err != nil {
				t.Errorf("got %v, want the order", err)
			}
			if !<-redelivered {
				t.Error("got a first delivery, want one with Redelivered")
			}
			if order := hosttest.Receive(t, "the event of the order", heard.heard); order.ID != "a1" {
				t.Errorf("heard of %+v", order)
			}
		})
	})
}

// create sends a request for an order, and checks the order in the reply.
func create(t *testing.T, ctx context.Context, uri string, request Request) <-chan error {
	t.Helper()
	shop, err := rpc.Bind[Shop](hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	created := make(chan error, 1)
	go func() {
		order, err := shop.Create(ctx, request)
		if want := (orders.Order{
			ID: request.ID, UserID: request.UserID, Customer: "Julio", Product: request.Product, Count: 1,
		}); err == nil && order != want {
			err = fmt.Errorf("got %+v, want %+v", order, want)
		}
		created <- err
	}()
	return created
}

// serve hosts the services, and reports whether create_order was redelivered.
func serve(t *testing.T, uri string, settings orders.Settings) <-chan bool {
	t.Helper()
	redelivered := make(chan bool, 1)
	report := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			if call := service.FromContext(ctx); call.Method == "create_order" {
				redelivered <- call.Redelivered
			}
			return next(ctx)
		}
	}
	hosttest.Start(t, hosttest.Config{
		Service: service.Config{Middleware: []service.Middleware{report}},
		Broker:  transport.Config{URI: uri},
	}, orders.Module, users.Module, fx.Replace(settings), service.Configure(web.Config{Address: "127.0.0.1:0"}))
	return redelivered
}

// stored returns an order from the database.
func stored(t *testing.T, settings orders.Settings, id string) (*orders.Order, error) {
	life := fxtest.NewLifecycle(t)
	db, _, err := orders.OpenDB(life, settings)
	if err != nil {
		return nil, err
	}
	defer life.RequireStart().RequireStop()
	store, done, err := orders.InTx(db)(t.Context())
	if err != nil {
		return nil, err
	}
	order, err := store.Get(t.Context(), id)
	return order, done(err)
}

// start runs the program until the test ends. It returns when the program accepts calls.
func start(t *testing.T, program, uri string, settings orders.Settings) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(program, "--broker", uri, "--config", "config.yaml")
	cmd.Env = append(os.Environ(), "ORDERS_DATABASE="+settings.Database, "ORDERS_ADDRESS=127.0.0.1:0")
	p := hosttest.StartProcess(t, cmd)
	p.Line("Connected to ")
	return p
}

// A wire forwards a program's connections to a broker until the program sends a given text. From
// then on, it drops what the program sends.
type wire struct {
	uri   string
	until []byte
	cut   chan struct{} // closed when the program has sent the text
}

func newWire(t *testing.T, uri, until string) *wire {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker := u.Host
	u.Host = listener.Addr().String()
	w := &wire{uri: u.String(), until: []byte(until), cut: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- w.carry(listener, broker) }()
	t.Cleanup(func() {
		listener.Close()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return w
}

// carry forwards connections until the listener is closed, each until one side closes it.
func (w *wire) carry(listener net.Listener, broker string) error {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		program, err := listener.Accept()
		if err != nil {
			return err
		}
		upstream, err := net.Dial("tcp", broker)
		if err != nil {
			return errors.Join(err, program.Close())
		}
		all.Go(func() {
			defer upstream.Close()
			w.send(upstream, program)
		})
		all.Go(func() {
			defer program.Close()
			_, _ = io.Copy(program, upstream)
		})
	}
}

// send copies until the text appears, and discards the rest.
func (w *wire) send(to io.Writer, from io.Reader) {
	var seen []byte
	buffer := make([]byte, 64<<10)
	for whole := true; ; {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if !whole {
			continue
		}
		seen = append(seen, buffer[:n]...)
		if bytes.Contains(seen, w.until) {
			whole = false
			close(w.cut)
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
