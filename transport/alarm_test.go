package transport_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestMemoryAlarm makes RabbitMQ block publishers. A publisher whose context ends gets the reason,
// the alarm is logged, and a waiting publishing is sent when the alarm ends.
func TestMemoryAlarm(t *testing.T) {
	node := brokertest.StartNode(t)
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{URI: node.URI(), Logger: log.Logger()})
	declare(t, c, queue("q"))
	publish(t, c, "q", "before")
	reader := dial(t, node.URI()) // not blocked, because it does not publish
	_, deliveries := consume(t, reader, "q", 1)
	hosttest.Next(t, deliveries).Ack()

	node.Control("set_vm_memory_high_watermark", "0.00001")
	cause := errors.New("test deadline")
	hosttest.Eventually(t, "a publisher gets the reason of the alarm", func() bool {
		ctx, cancel := context.WithTimeoutCause(limit(t), 20*time.Millisecond, cause)
		defer cancel()
		err := c.Publish(ctx, transport.Publishing{Key: "q", Body: []byte("blocked")})
		return errors.Is(err, cause) && strings.Contains(err.Error(), "broker blocks publishing (low on memory): test deadline")
	})
	log.Next(t, "level=WARN", `msg="broker blocks publishing"`, `reason="low on memory"`)
	waited := make(chan error, 1)
	go func() { waited <- c.Publish(limit(t), transport.Publishing{Key: "q", Body: []byte("waited")}) }()

	node.Control("set_vm_memory_high_watermark", "0.6")
	log.Next(t, "level=INFO", `msg="broker accepts publishing again"`)
	if err := <-waited; err != nil {
		t.Errorf("got %v, want the publishing that waited to be taken", err)
	}
	for {
		d := hosttest.Next(t, deliveries)
		d.Ack()
		if string(d.Body) == "waited" {
			break
		}
	}
	if c.Epoch() != 1 || reader.Epoch() != 1 {
		t.Errorf("got epochs %d and %d, want 1 and 1", c.Epoch(), reader.Epoch())
	}
}

// TestCloseInAlarm closes a connection that the broker does not read: Close returns when its
// context ends, and says why.
func TestCloseInAlarm(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{URI: p.uri, Logger: log.Logger()})
	declare(t, c, queue("q"))
	p.hang()
	p.inject([]byte("\x01\x00\x00\x00\x00\x00\x0f\x00\x0a\x00\x3c\x0alow on mem\xce"))
	log.Next(t, `msg="broker blocks publishing"`)
	ctx, cancel := context.WithTimeoutCause(limit(t), 20*time.Millisecond, errors.New("grace is over"))
	defer cancel()
	want := "close: the broker does not answer, connection cut: the broker blocks publishing (low on mem): grace is over"
	if err := c.Close(ctx); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
