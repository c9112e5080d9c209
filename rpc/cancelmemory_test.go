package rpc_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Heap reports how much memory its process uses.
type Heap struct {
	_ service.Name `service:"heap"`

	Entrypoints struct {
		Bytes rpc.Method `rpc:"bytes"`
		Wait  rpc.Method `rpc:"wait"`
	}
}

// Wait waits until its call is cancelled.
func (*Heap) Wait(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Bytes returns the size of the heap after a collection, and its largest size so far.
func (*Heap) Bytes(context.Context) (map[string]uint64, error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]uint64{"live": m.HeapAlloc, "peak": m.HeapSys}, nil
}

// victimURI is the environment variable with the broker's URI for a child process that only hosts
// services.
const victimURI = "GOMEKO_TEST_VICTIM"

// Cancellations with ids and bodies of any size do not exhaust the memory of a service.
func TestCancellationMemory(t *testing.T) {
	if uri := os.Getenv(victimURI); uri != "" {
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Heap{})
		os.Stderr.WriteString("the victim is ready\n")
		select {}
	}
	const count, size = 40, 2 << 20
	const live, peak = 24 << 20, 64 << 20
	brokertest.Each(t, func(t *testing.T, uri string) {
		victim := exec.Command(os.Args[0], "-test.run=^"+"TestCancellationMemory"+"$")
		victim.Env = append(os.Environ(), victimURI+"="+uri)
		hosttest.StartProcess(t, victim).Line("the victim is ready")
		peer := newPeer(t, uri)
		cancellations := brokertest.Bind(t, peer.ch, "gomeko.control", "cancel.heap")
		id := bytes.Repeat([]byte("A"), size)
		for i := range count {
			body := []byte(`{"reply_to": "` + strconv.Itoa(i) + `", "correlation_id": "` + string(id) + `"}`)
			peer.publishTo("gomeko.control", "cancel.heap", amqp.Publishing{Body: body})
			hosttest.Next(t, cancellations)
		}
		peer.publish("heap.wait", amqp.Publishing{ReplyTo: replyKey, CorrelationId: "last", Body: []byte(`{"args": [], "kwargs": {}}`)})
		peer.publishTo("gomeko.control", "cancel.heap", amqp.Publishing{Body: []byte(`{"reply_to": "` + replyKey + `", "correlation_id": "last"}`)})
		hosttest.Next(t, peer.replies) // so the victim has received the earlier ones too
		var heap map[string]uint64
		client := dial(t, uri, rpc.Config{}, nil).Client("heap")
		if err := client.Call(t.Context(), "bytes", &heap); err != nil {
			t.Fatal(err)
		}
		if heap["live"] > live || heap["peak"] > peak {
			t.Errorf("got a heap of %d bytes, %d at its peak, after %d bytes of cancellations; want at most %d and %d",
				heap["live"], heap["peak"], count*size, live, peak)
		}
	})
}
