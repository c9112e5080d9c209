package soak_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Mine handles messages, some of which end its process.
type Mine struct {
	_ service.Name `service:"mine"`

	Entrypoints struct {
		Dig     messaging.Consumer `messaging:"mine" retry:"10ms"`
		Explode rpc.Method         `rpc:"explode" retry:"10ms"`
	}
}

// Dig reports the number of a message. Number 0 kills the process.
func (m *Mine) Dig(ctx context.Context, number int) error {
	if number == 0 {
		return m.Explode(ctx)
	}
	_, err := fmt.Println(number)
	return err
}

// Explode ends the process as if it had run out of memory.
func (m *Mine) Explode(ctx context.Context) error {
	if err := endProcess(); err != nil {
		return err
	}
	<-ctx.Done() // wait for the signal
	return ctx.Err()
}

// endProcess ends this process with SIGKILL.
func endProcess() error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Kill()
}

// A message that kills each process that handles it is among 1,000 others, in a queue whose
// consumers prefetch 100. The others are handled. The message is parked after the third death that
// its suspect queue has counted. A request of this kind is answered with an error.
func TestKiller(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		const many, at = 1000, 500
		var mu sync.Mutex
		times, all := map[string]int{}, make(chan struct{})
		p := start(t, "mine", uri, func(line string) {
			mu.Lock()
			defer mu.Unlock()
			if times[line]++; times[line] == 1 && len(times) == many {
				close(all)
			}
		})
		p.wait()
		ch := brokertest.Channel(t, uri)
		for i := range many + 1 {
			number := i + 1
			if i >= at {
				number = i
			}
			if i == at {
				number = 0
			}
			if err := ch.PublishWithContext(t.Context(), "", "mine", true, false, amqp.Publishing{ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: fmt.Append(nil, number)}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := ch.QueueDeclare("gomeko.dead.mine", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		if err != nil {
			t.Fatal(err)
		}
		dead, err := ch.Consume("gomeko.dead.mine", "", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{Timeout: hosttest.Timeout})
		checked := make(chan struct{})
		go func() {
			defer close(checked)
			parked := <-dead
			original, _ := parked.Headers["gomeko.original"].(amqp.Table)
			if string(parked.Body) != "0" || original["reason"] != "killed" {
				t.Errorf("got %q parked, %v, want the message that ends its process", parked.Body, original)
			}
			err := caller.Client("mine").Call(t.Context(), "explode", nil)
			if got, want := fmt.Sprint(err), "RuntimeError: the process ended 3 times while it ran the method"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			<-all
		}()
		// Each of the two killed one process from its own queue, which proves nothing, and three
		// from the suspect queue.
		if n := p.supervise(checked); n != 4+4 {
			t.Errorf("got %d processes ended, want 8", n)
		}
		p.wait()
		p.stop()
		doubles := 0
		for _, n := range times {
			doubles += n - 1
		}
		t.Logf("handled more than once: %d of %d", doubles, many)
		if n := brokertest.Depth(t, uri, "mine"); n != 0 {
			t.Errorf("got %d messages left", n)
		}
	})
}

// supervise restarts the process whenever it has ended, until done is closed. It returns the number
// of restarts.
func (p *process) supervise(done <-chan struct{}) (deaths int) {
	p.t.Helper()
	timeout := time.After(hosttest.Timeout)
	for {
		select {
		case <-p.Ended():
			deaths++
			p.start()
		case <-done:
			return deaths
		case <-timeout:
			p.t.Fatalf("not within %s; %d processes ended", hosttest.Timeout, deaths)
		}
	}
}
