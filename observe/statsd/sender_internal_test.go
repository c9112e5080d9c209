package statsd

import (
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A sender that cannot send keeps no more than its packets, and does not block.
func TestFull(t *testing.T) {
	t.Parallel()
	s := Config{Address: "localhost:8125"}.sender(nil)
	for range 100_000 {
		s.add("orders.", "created", value{kind: "c", number: 1}, "", nil)
	}
	if len(s.full) != packets || s.dropped == 0 {
		t.Errorf("got %d packets and %d dropped metrics, want %d packets and the rest dropped", len(s.full), s.dropped, packets)
	}
	for range packets {
		if p := <-s.full; len(p) > packetSize || len(p) < packetSize-100 {
			t.Errorf("a full packet has %d bytes", len(p))
		}
	}
}

// Neither calls nor a service's own metrics allocate.
func TestAllocations(t *testing.T) {
	for _, tags := range []bool{false, true} {
		s := Config{Address: "localhost:8125", Tags: tags}.sender(nil)
		entry := &service.Row{Service: "orders"}
		m := &metrics{sender: s, rows: make(map[*service.Row]*row)}
		m.rows[entry] = m.row(entry)
		client := Client{sender: s, prefix: "orders."}
		if tags {
			client.tag = "service:orders"
		}
		ended := service.ObservedCall{
			Entry: entry, Started: true, Waited: time.Millisecond, Duration: time.Second, Outcome: service.OutcomeFault,
		}
		client.Incr("created") // the buffers grow once
		got := testing.AllocsPerRun(1000, func() {
			m.callEnded(t.Context(), ended)
			client.Incr("created", "product:tea")
			client.Timing("picked", time.Second)
			for len(s.full) > 0 {
				packet := <-s.full
				s.free <- packet[:0]
			}
		})
		if got != 0 {
			t.Errorf("tags %t: got %v allocations, want 0", tags, got)
		}
	}
}
