package statsd_test

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Orders counts what it sells.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		CreateOrder rpc.Method `rpc:"create_order(product, count=1)"`
		Pay         rpc.Method `rpc:"pay(card)" sensitive:"card"`
		Break       rpc.Method `rpc:"break"`
		Odd         rpc.Method `rpc:"odd"`
	}

	Stats statsd.Client `statsd:""`
	Stock statsd.Client `statsd:"stock."`
}

func (o *Orders) CreateOrder(_ context.Context, product string, count int) (string, error) {
	o.Stats.Incr("created", "product:"+product)
	o.Stats.Count("items", int64(count))
	o.Stock.Gauge("left", -2.5)
	o.Stats.Timing("picked", 1500*time.Microsecond)
	return product, nil
}

func (o *Orders) Pay(_ context.Context, card string) error {
	return errors.New("card " + card + " is refused")
}

func (o *Orders) Odd(context.Context) error {
	for _, number := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		o.Stats.Gauge("bad", number)
	}
	o.Stats.Incr(strings.Repeat("long", 400))
	o.Stats.Gauge("big", 1e21)
	return nil
}

func (o *Orders) Break(context.Context) error { panic("broken") }

// A sink receives packets as StatsD does.
type sink struct {
	t       testing.TB
	conn    net.PacketConn
	packets chan string
}

func listen(t testing.TB) *sink {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{t: t, conn: conn, packets: make(chan string, 1000)}
	t.Cleanup(func() { conn.Close() })
	go func() {
		defer close(s.packets)
		for buffer := make([]byte, 1<<16); ; {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			s.packets <- string(buffer[:n])
		}
	}()
	return s
}

func (s *sink) address() string { return s.conn.LocalAddr().String() }

// until returns the metrics received up to one that contains text.
func (s *sink) until(text string) (metrics []string) {
	s.t.Helper()
	for {
		packet := hosttest.Next(s.t, s.packets)
		if len(packet) > 1432 {
			s.t.Errorf("a packet has %d bytes", len(packet))
		}
		metrics = append(metrics, strings.Split(packet, "\n")...)
		if slices.ContainsFunc(metrics, func(m string) bool { return strings.Contains(m, text) }) {
			return metrics
		}
	}
}

// call makes one call of a service that is hosted with options.
func call(t testing.TB, options ...any) {
	t.Helper()
	h := servicetest.New(t, append(options, new(Orders))...)
	if err := h.Client("orders").Call(t.Context(), "create_order", nil, "tea"); err != nil {
		t.Fatal(err)
	}
}
