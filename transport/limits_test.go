package transport_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/transport"
)

// TestNarrowNumbers checks numbers too large for their field of the protocol: none wraps to a small
// one.
func TestNarrowNumbers(t *testing.T) {
	p := newProxy(t, brokertest.Embedded(t))
	c := dial(t, p.uri)
	declare(t, c, queue("q"))
	for prefetch, want := range map[int]uint16{1: 1, 65535: 65535, 65536: 65535, 65537: 65535, 1 << 40: 65535} {
		consumer, _ := consume(t, c, "q", prefetch)
		var got uint16
		for _, m := range p.methods() {
			if m.class == 60 && m.method == 10 && len(m.payload) >= 6 { // basic.qos: size (4 bytes), count
				got = binary.BigEndian.Uint16(m.payload[4:])
			}
		}
		if got != want {
			t.Errorf("prefetch %d: got %d sent, want %d", prefetch, got, want)
		}
		if err := consumer.Close(limit(t)); err != nil {
			t.Fatal(err)
		}
	}
	for _, heartbeat := range []time.Duration{-time.Second, 65536 * time.Second} {
		_, err := transport.Dial(t.Context(), transport.Config{URI: p.uri, Heartbeat: heartbeat})
		if err == nil || !strings.Contains(err.Error(), "heartbeat: must be at most 18h12m15s, not "+heartbeat.String()) {
			t.Errorf("heartbeat %s: got %v, want that it is out of range", heartbeat, err)
		}
	}
	if _, err := transport.Dial(t.Context(), transport.Config{URI: " "}); err == nil || !strings.Contains(err.Error(), "the broker's URI is empty: want amqp://") {
		t.Errorf("got %v for an empty URI", err)
	}
}
