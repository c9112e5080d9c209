package statsd

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/service"
)

const (
	// packetSize is the payload of a UDP packet that fits into an Ethernet frame with the headers
	// of IPv6 and of a tunnel. StatsD's documentation recommends it.
	packetSize = 1432

	packets   = 64          // in memory: 90 KiB
	redial    = time.Minute // how often the address is resolved again, and failures are logged
	resolving = 5 * time.Second
)

// A sender fills packets with metrics and sends them from its own goroutine.
type sender struct {
	cfg    Config
	logger *slog.Logger

	free, full chan []byte // packets to fill, packets to send
	stop, done chan struct{}

	mu      sync.Mutex
	line    []byte // the metric being added
	packet  []byte // being filled; nil if none was needed yet
	dropped int    // metrics since the last flush
}

// newSender returns the sender of a container. Without an address it does nothing.
func newSender(h *service.Host) (*sender, error) {
	cfg, _ := service.Lookup[Config](h)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("statsd.Config: %w", err)
	}
	return cfg.sender(h.Logger()), nil
}

func (c Config) sender(logger *slog.Logger) *sender {
	s := &sender{
		cfg: c, logger: logger,
		free: make(chan []byte, packets), full: make(chan []byte, packets),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if c.Address != "" {
		for range packets {
			s.free <- make([]byte, 0, packetSize)
		}
	}
	return s
}

// A value is the number of a metric and its kind in StatsD's protocol.
type value struct {
	kind   string // c, g or ms
	number float64
}

func timing(d time.Duration) value {
	return value{kind: "ms", number: float64(d.Microseconds()) / 1000}
}

// add adds a metric to the current packet. It drops the metric if all packets are full, or if the
// metric is larger than a packet.
func (s *sender) add(prefix, name string, v value, tag string, tags []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = s.line[:0]
	if v.kind == "g" && v.number < 0 { // StatsD takes a signed value for a change of the gauge
		s.write(prefix, name, value{kind: "g"}, tag, tags)
	}
	s.write(prefix, name, v, tag, tags)
	switch {
	case len(s.line) > packetSize:
		s.dropped++
		return
	case len(s.packet)+1+len(s.line) > packetSize:
		s.flush()
	}
	if s.packet == nil {
		select {
		case s.packet = <-s.free:
		default:
			s.dropped++
			return
		}
	}
	if len(s.packet) > 0 {
		s.packet = append(s.packet, '\n')
	}
	s.packet = append(s.packet, s.line...)
}

// write appends a metric to the line.
func (s *sender) write(prefix, name string, v value, tag string, tags []string) {
	if len(s.line) > 0 {
		s.line = append(s.line, '\n')
	}
	s.line = append(s.line, prefix...)
	s.line = appendClean(s.line, name)
	s.line = append(s.line, ':')
	s.line = strconv.AppendFloat(s.line, v.number, 'f', -1, 64)
	s.line = append(s.line, '|')
	s.line = append(s.line, v.kind...)
	if tag == "" {
		return
	}
	s.line = append(s.line, "|#"...)
	s.line = append(s.line, tag...)
	for _, t := range tags {
		s.line = append(s.line, ',')
		key, value, _ := strings.Cut(t, ":")
		s.line = appendClean(s.line, key)
		s.line = append(s.line, ':')
		s.line = appendClean(s.line, value)
	}
}

// appendClean appends text, cleaned as by [clean].
func appendClean(line []byte, text string) []byte {
	for _, r := range text {
		line = utf8.AppendRune(line, cleanRune(r))
	}
	return line
}

// flush hands the current packet to the goroutine. The caller must hold mu.
func (s *sender) flush() {
	if len(s.packet) > 0 {
		s.full <- s.packet // has room for every packet
		s.packet = nil
	}
}

// Start starts the goroutine.
func (s *sender) Start(context.Context) error {
	if s.cfg.Address == "" {
		close(s.done)
		return nil
	}
	go s.run()
	return nil
}

// Stop sends what is left in memory. By then, every call of the process has ended.
func (s *sender) Stop(ctx context.Context) error {
	close(s.stop)
	select {
	case <-s.done:
	case <-ctx.Done():
	}
	return nil
}

// run sends full packets as they come, and the current one at each flush.
func (s *sender) run() {
	defer close(s.done)
	link := &link{address: s.cfg.Address, logger: s.logger}
	defer link.close()
	flush := time.NewTicker(cmp.Or(s.cfg.Flush, DefaultFlush))
	defer flush.Stop()
	for {
		select {
		case packet := <-s.full:
			link.send(packet)
			s.free <- packet[:0]
			continue
		case <-flush.C:
		case <-s.stop:
			s.rest(link)
			return
		}
		s.mu.Lock()
		s.flush()
		dropped := s.dropped
		s.dropped = 0
		s.mu.Unlock()
		link.report(dropped)
	}
}

// rest sends the packets that are left in memory.
func (s *sender) rest(link *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	for len(s.full) > 0 {
		packet := <-s.full
		link.send(packet)
		s.free <- packet[:0]
	}
}
