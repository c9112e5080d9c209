//go:build unix

package doctor_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/doctor"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestExamineHost creates faults of the broker's own process, one at a time: a feature that was
// never enabled, a client without heartbeats, and alarms.
func TestExamineHost(t *testing.T) {
	examine := func(t *testing.T, uri, address string, want ...string) {
		t.Helper()
		s := &stage{T: t, uri: uri, api: &api{t: t, base: address}}
		s.patient = doctor.Patient{API: s.api, Wait: time.Millisecond, Broker: transport.Config{URI: uri, Logger: slog.New(slog.DiscardHandler)}}
		slices.Sort(want)
		if got := s.find(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	// silent connects without heartbeats; the broker must not ask for them either.
	silent := func(t *testing.T, uri string) {
		t.Helper()
		conn, err := amqp.Dial(uri + "?heartbeat=0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Run("embedded", func(t *testing.T) {
		b := broker.New(broker.Config{Heartbeat: -1, MaxMemory: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
		t.Cleanup(func() { hosttest.Close(t, b.Close) })
		addr, err := b.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		management, err := b.ListenManagement("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		uri, address := "amqp://guest:guest@"+addr.String()+"/", "http://guest:guest@"+management.String()
		examine(t, uri, address)
		silent(t, uri)
		examine(t, uri, address, "heartbeat")
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclare("full", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := ch.PublishWithContext(context.Background(), "", "full", false, false, amqp.Publishing{Body: make([]byte, 1<<20)}); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the message is there", func() bool { return b.Messages() == 1 })
		examine(t, uri, address, "heartbeat", "alarm-memory")
	})
	t.Run("rabbitmq", func(t *testing.T) {
		node := brokertest.StartManagedNode(t, "{heartbeat, 0}", "{collect_statistics_interval, 500}", "{forced_feature_flags_on_init, [quorum_queue]}")
		uri, address := node.URI(), node.ManagementURL()
		examine(t, uri, address, "feature-flag")
		silent(t, uri)
		s := &stage{T: t, api: &api{t: t, base: address}}
		hosttest.Eventually(t, "the management API knows the connection", func() bool {
			var all []struct{ Timeout *int }
			_, err := s.api.Get(t.Context(), "vhosts/%2F/connections", &all)
			return err == nil && slices.ContainsFunc(all, func(c struct{ Timeout *int }) bool { return c.Timeout != nil })
		})
		examine(t, uri, address, "feature-flag", "heartbeat")
		node.Control("eval", "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}), rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []}).")
		s.awaitNode("alarms", func(n nodeAlarms) bool { return n.Memory && n.Disk })
		examine(t, uri, address, "feature-flag", "heartbeat", "alarm-memory", "alarm-disk")
	})
}

type nodeAlarms struct {
	Memory bool `json:"mem_alarm"`
	Disk   bool `json:"disk_free_alarm"`
}

// awaitNode waits until the management API reports what until expects. RabbitMQ updates it every 5
// s.
func (s *stage) awaitNode(what string, until func(nodeAlarms) bool) {
	s.Helper()
	hosttest.Eventually(s.T, what, func() bool {
		var all []nodeAlarms
		_, err := s.api.Get(s.Context(), "nodes", &all)
		return err == nil && len(all) == 1 && until(all[0])
	})
}
