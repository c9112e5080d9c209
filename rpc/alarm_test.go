package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Lock waits until it is open, and answers with its argument.
type Lock struct {
	_ service.Name `service:"lock"`

	Entrypoints struct {
		Pass rpc.Method `rpc:"pass(value)"`
	}

	begun chan struct{} // receives a value when a call begins; nil to ignore
	open  chan struct{} // closed when calls may end
}

func (l *Lock) Pass(_ context.Context, value string) (string, error) {
	if l.begun != nil {
		l.begun <- struct{}{}
	}
	<-l.open
	return value, nil
}

// request returns request i to lock.pass, whose body has about n bytes.
func request(i, n int) amqp.Publishing {
	body, err := json.Marshal(map[string]any{"args": []string{strings.Repeat("x", n)}, "kwargs": map[string]any{}})
	if err != nil {
		panic(err)
	}
	return amqp.Publishing{
		ContentType: "application/json", ContentEncoding: "utf-8", Body: body,
		ReplyTo: replyKey, CorrelationId: fmt.Sprint(i),
	}
}

// TestRequestsUpToMemoryLimit fills the embedded broker with requests. The service that starts then
// publishes its answers on the connection on which it acknowledges the requests, and must not be
// blocked.
func TestRequestsUpToMemoryLimit(t *testing.T) {
	b := broker.New(broker.Config{MaxMemory: 4 << 20, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { hosttest.Close(t, b.Close) })
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	uri := "amqp://guest:guest@" + addr.String() + "/"
	lock := &Lock{open: make(chan struct{})}
	close(lock.open)
	start(t, uri, lock).stop(t) // its queue stays

	p := newPeer(t, uri)
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	publisher, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	n, full := 0, false
	for ; !full; n++ {
		if err := publisher.PublishWithContext(t.Context(), "nameko-rpc", "lock.pass", false, false, request(n, 200_000)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-blocked:
			full = true
		case <-time.After(time.Millisecond): // or everything would still be in the socket
		}
	}
	start(t, uri, lock)
	got := make(map[string]bool)
	for len(got) < n {
		got[hosttest.Receive(t, "a reply", p.replies).CorrelationId] = true
	}
}

// TestServiceInMemoryAlarm needs a private RabbitMQ. In a memory alarm, RabbitMQ does not read the
// connection of a service that has answered. The service waits, can be stopped meanwhile, and
// answers everything when the alarm ends.
func TestServiceInMemoryAlarm(t *testing.T) {
	node := brokertest.StartNode(t)
	p := newPeer(t, node.URI())
	log := new(hosttest.Log)
	const workers, requests = 5, 20
	begin := func() (*Lock, *process) {
		lock := &Lock{begun: make(chan struct{}, requests+workers), open: make(chan struct{})}
		return lock, startOn(t, service.Config{MaxWorkers: workers}, transport.Config{URI: node.URI(), Logger: log.Logger()}, lock)
	}
	send := func(lock *Lock) {
		for i := range requests {
			p.publish("lock.pass", request(i, 1000))
		}
		for range workers {
			hosttest.Receive(t, "a call", lock.begun)
		}
	}
	answered := func() {
		t.Helper()
		for got := make(map[string]bool); len(got) < requests; {
			got[hosttest.Receive(t, "a reply", p.replies).CorrelationId] = true
		}
		hosttest.Eventually(t, "every request is acknowledged", func() bool {
			return brokertest.Depth(t, node.URI(), "rpc-lock") == 0
		})
	}

	lock, server := begin()
	send(lock)
	node.Control("set_vm_memory_high_watermark", "0.00001")
	close(lock.open)
	log.Next(t, "level=WARN", `msg="broker blocks publishing"`)
	node.Control("set_vm_memory_high_watermark", "0.6")
	answered()
	server.stop(t)

	lock, server = begin()
	send(lock)
	node.Control("set_vm_memory_high_watermark", "0.00001")
	close(lock.open)
	log.Next(t, "level=WARN", `msg="broker blocks publishing"`)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("grace is over"))
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(ctx) }()
	t.Log("stopped in the alarm:", hosttest.Receive(t, "the end of Stop", stopped))
	node.Control("set_vm_memory_high_watermark", "0.6")
	lock, server = begin()
	close(lock.open)
	answered()
	server.stop(t)
}
