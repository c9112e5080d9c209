//go:build unix

package doctor_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// A fault is a problem that plant creates. plant returns the cleanup function, or nil.
type fault struct {
	name  string
	want  string // the only check that must find it; the default is name
	only  string // the only broker that can have it; "" means both
	plant func(s *stage) (mend func())
}

// faults can be planted on an otherwise healthy broker.
var faults = slices.Concat(unreachable, refused, declared, leftover, policies, told, stores)

// TestExamine plants each fault in a healthy fleet. The doctor finds it and nothing else, and finds
// nothing once the fault is gone.
func TestExamine(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, address string) {
		s := newStage(t, uri, address)
		if got := s.find(); len(got) > 0 {
			t.Fatalf("got %q in a healthy fleet, want nothing", got)
		}
		kind := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
		planted := 0
		for _, f := range faults {
			if f.only != "" && f.only != kind {
				continue
			}
			planted++
			t.Run(f.name, func(t *testing.T) {
				at := *s
				at.T, at.api = t, &api{t: t, base: address}
				at.patient.API = at.api
				at.ch = brokertest.Channel(t, uri)
				mend := f.plant(&at)
				want := f.want
				if want == "" {
					want = f.name
				}
				if got := at.find(); !slices.Equal(got, []string{want}) {
					t.Errorf("got %q, want %s only", got, want)
				}
				if mend != nil {
					mend()
				}
			})
		}
		if planted < 15 {
			t.Errorf("%d faults were planted, want at least 15", planted)
		}
		if got := s.find(); len(got) > 0 {
			t.Errorf("got %q when all faults are gone, want nothing", got)
		}
	})
}

// to replaces the broker's URI with one that has another address.
func to(address string) func(*stage) func() {
	return func(s *stage) func() {
		s.patient.Broker.URI = "amqp://guest:guest@" + address + "/?connection_timeout=300"
		s.patient.API = nil
		return nil
	}
}

// serve replaces the broker with a server that calls talk for each connection.
func serve(talk func(net.Conn)) func(*stage) func() {
	return func(s *stage) func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				talk(conn)
			}
		}()
		to(l.Addr().String())(s)
		return func() { l.Close(); <-ended }
	}
}

// unreachable lists the ways in which a broker can be unreachable.
var unreachable = []fault{
	{name: "broker-name", plant: to("broker.invalid:5672")},
	{name: "broker-refused", plant: func(s *stage) func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.Fatal(err)
		}
		l.Close()
		return to(l.Addr().String())(s)
	}},
	{name: "broker-silent", plant: serve(func(net.Conn) {})},
	{name: "broker-protocol", plant: serve(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.0 400 Bad Request\r\n\r\n"); c.Close() })},
	{name: "broker-tls", plant: func(s *stage) func() {
		s.patient.Broker.URI = strings.Replace(s.uri, "amqp://", "amqps://", 1)
		return nil
	}},
	{name: "broker-login", plant: func(s *stage) func() {
		s.patient.Broker.URI = strings.Replace(s.uri, "guest:guest", "guest:wrong", 1)
		return nil
	}},
	{name: "broker-vhost", plant: func(s *stage) func() {
		s.patient.Broker.URI, s.patient.API = s.uri[:strings.LastIndex(s.uri, "/")]+"/nowhere", nil
		return nil
	}},
}

// as logs in as another user with these permissions.
func as(configure, write, read string) func(*stage) func() {
	return func(s *stage) func() {
		u := brokertest.ManagedUser(s.T, s.uri, s.api.base)
		u.Grant(configure, write, read)
		s.patient.Broker.URI = u.URI("secret")
		return nil
	}
}

// refused lists cases in which the broker refuses the connection or a request. others matches all
// names that the service uses, except for bills.
var refused = []fault{
	{name: "broker-access", plant: func(s *stage) func() {
		s.patient.Broker.URI = brokertest.ManagedUser(s.T, s.uri, s.api.base).URI("secret")
		return nil
	}},
	{name: "broker-limit", only: "rabbitmq", plant: func(s *stage) func() {
		limit := "vhost-limits/" + s.vhost() + "/max-connections"
		s.api.put(limit, map[string]int{"value": 0})
		return func() { s.api.delete(limit) }
	}},
	{name: "no permission to configure", want: "permission", plant: as(others, ".*", ".*")},
	{name: "no permission to write", want: "permission", plant: as(".*", others, ".*")},
	{name: "no permission to read", want: "permission", plant: as(".*", ".*", others)},
}

const others = "^([^b]|b[^i])"

// planned adds a queue to the services' declarations.
func (s *stage) planned(q transport.Queue) {
	p := connection.Plan{By: "Pay of payments", Topology: transport.Topology{Queues: []transport.Queue{q}}}
	s.patient.Plans = append(slices.Clip(s.patient.Plans), p)
}

// declared lists faults in existing queues and exchanges.
var declared = []fault{
	{name: "a queue with other arguments", want: "mismatch", plant: func(s *stage) func() {
		s.queue("payments", amqp.Table{"x-message-ttl": int32(1000)})
		s.planned(transport.Queue{Name: "payments", Durable: true})
		return nil
	}},
	{name: "a queue that is not durable", want: "mismatch", plant: func(s *stage) func() {
		s.queue("refunds", nil)
		s.planned(transport.Queue{Name: "refunds", AutoDelete: true})
		return nil
	}},
	{name: "a queue that is locked", want: "mismatch", plant: func(s *stage) func() {
		if _, err := s.ch.QueueDeclare("locked", false, false, true, false, nil); err != nil {
			s.Fatal(err)
		}
		s.planned(transport.Queue{Name: "locked", Durable: true})
		return nil
	}},
	{name: "an exchange of another type", want: "mismatch", plant: func(s *stage) func() {
		if err := s.ch.ExchangeDeclare("prices", "fanout", true, false, false, false, nil); err != nil {
			s.Fatal(err)
		}
		t := transport.Topology{Exchanges: []transport.Exchange{{Name: "prices", Kind: "topic", Durable: true}}}
		s.patient.Plans = append(slices.Clip(s.patient.Plans), connection.Plan{By: "Dispatch of prices", Topology: t})
		return nil
	}},
	{name: "a queue of a type that the broker lacks", want: "feature-flag", only: "embedded", plant: func(s *stage) func() {
		s.planned(transport.Queue{Name: "log", Durable: true, Args: transport.Table{"x-queue-type": "stream"}})
		return nil
	}},
}

// leave declares a queue, and deletes it afterwards.
func leave(name string, args amqp.Table) func(*stage) func() {
	return func(s *stage) func() {
		s.queue(name, args)
		return func() {
			if _, err := s.ch.QueueDelete(name, false, false, false); err != nil {
				s.Error(err)
			}
		}
	}
}

// leftover lists queues that nobody uses.
var leftover = []fault{
	{name: "a reply queue", want: "leftover", plant: leave("rpc.reply-gone-1", nil)},
	{name: "a delay queue", want: "leftover", plant: leave("gomeko.delay.gone.1000", nil)},
	{name: "a dead queue", want: "leftover", plant: leave("gomeko.dead.gone", nil)},
	{name: "a hub's queue", want: "leftover", plant: func(s *stage) func() {
		if _, err := s.ch.QueueDeclare("gomeko.hub-gone-1", false, true, true, false, nil); err != nil {
			s.Fatal(err)
		}
		return nil
	}},
	// RabbitMQ takes 8 s for this many queues.
	{name: "delay-queues", only: "rabbitmq", plant: func(s *stage) func() {
		s.api.change = func(path string, _ http.Header, body []byte) []byte {
			if path != "queues/"+s.vhost() {
				return body
			}
			more := strings.Repeat(`{"name":"gomeko.delay.bills.1","type":"classic"},`, 501)
			return append([]byte("["+more), body[1:]...)
		}
		return nil
	}},
	{name: "delay-queues", only: "embedded", plant: func(s *stage) func() {
		for i := range 501 {
			if err := s.declareSoon(fmt.Sprintf("gomeko.delay.bills.%d", i), i == 500); err != nil {
				s.Fatal(err)
			}
		}
		return func() {
			for i := range 501 {
				if _, err := s.ch.QueueDelete(fmt.Sprintf("gomeko.delay.bills.%d", i), false, false, i < 500); err != nil {
					s.Fatal(err)
				}
			}
		}
	}},
}

// declareSoon declares a queue. It only waits for the last one.
func (s *stage) declareSoon(name string, last bool) error {
	_, err := s.ch.QueueDeclare(name, false, false, false, !last, nil)
	return err
}

// setPolicy sets a policy or, depending on path, an operator policy.
func setPolicy(path, pattern, key string, value any) func(*stage) func() {
	return func(s *stage) func() {
		at := path + "/" + s.vhost() + "/harm"
		s.api.put(at, map[string]any{"pattern": pattern, "definition": map[string]any{key: value}, "apply-to": "queues", "priority": 1})
		return func() { s.api.delete(at) }
	}
}

// policies lists faults in RabbitMQ's policies.
var policies = []fault{
	{name: "policy-expires", only: "rabbitmq", plant: setPolicy("policies", "^gomeko", "expires", 3600000)},
	{name: "policy-message-ttl", only: "rabbitmq", plant: setPolicy("policies", ".*", "message-ttl", 3600000)},
	{name: "policy-max-length", only: "rabbitmq", plant: setPolicy("policies", "retry", "max-length", 10000)},
	{name: "policy-delivery-limit", only: "rabbitmq", plant: setPolicy("operator-policies", ".*", "delivery-limit", 5)},
	{name: "policy-max-length-bytes", only: "rabbitmq", plant: setPolicy("operator-policies", ".*", "max-length-bytes", 1000000)},
}

// told lists faults of the broker's host, as its management API would report them.
var told = []fault{
	{name: "management", plant: func(s *stage) func() {
		s.api.base = strings.Replace(s.api.base, "guest:guest", "guest:wrong", 1)
		return nil
	}},
	{name: "clock", plant: func(s *stage) func() {
		s.api.change = func(_ string, header http.Header, body []byte) []byte {
			header.Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
			return body
		}
		return nil
	}},
	{name: "files of the broker", want: "files", plant: tell("nodes", `"running":true`, `"running":true,"fd_used":60000,"fd_total":65536`)},
	{name: "sockets of the broker", want: "files", plant: tell("nodes", `"running":true`, `"running":true,"sockets_used":900,"sockets_total":1000`)},
	{name: "files of this process", want: "files", plant: func(s *stage) func() {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			s.Fatal(err)
		}
		usual := limit.Cur
		limit.Cur = 1024
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			s.Fatal(err)
		}
		return func() {
			limit.Cur = usual
			if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
				s.Error(err)
			}
		}
	}},
	{name: "alarm-disk", plant: tell("nodes", `"disk_free_alarm":false`, `"disk_free_alarm":true`)},
	{name: "node", plant: tell("nodes", `"running":true`, `"running":false`)},
	{name: "partition", plant: tell("nodes", `"partitions":[]`, `"partitions":["rabbit@other"]`)},
}

// tell replaces a text in an answer of the management API.
func tell(at, text, by string) func(*stage) func() {
	return func(s *stage) func() {
		s.api.change = func(path string, _ http.Header, body []byte) []byte {
			if path != at {
				return body
			}
			if !bytes.Contains(body, []byte(text)) {
				s.Errorf("%s has no %s: %s", at, text, body)
			}
			// RabbitMQ's own values come before or after these: the last one counts.
			for _, key := range []string{"fd_used", "fd_total", "sockets_used", "sockets_total"} {
				if strings.Contains(by, key) {
					body = bytes.ReplaceAll(body, []byte(`"`+key+`":`), []byte(`"old_`+key+`":`))
				}
			}
			return bytes.ReplaceAll(body, []byte(text), []byte(by))
		}
		return nil
	}
}

// stored makes the doctor open a store in a file, which prepare and statements have filled.
func stored(prepare func(*stage, *store.Store), statements ...string) func(*stage) func() {
	return func(s *stage) func() {
		file := filepath.Join(s.TempDir(), "jobs.db")
		opened, err := sqlite.Open(s.Context(), file)
		if err != nil {
			s.Fatal(err)
		}
		prepare(s, opened)
		if err := opened.Close(); err != nil {
			s.Fatal(err)
		}
		db, err := sql.Open("sqlite", file)
		if err != nil {
			s.Fatal(err)
		}
		defer db.Close()
		for _, statement := range statements {
			if _, err := db.ExecContext(s.Context(), statement); err != nil {
				s.Fatal(err)
			}
		}
		s.patient.Store = func(ctx context.Context) (*store.Store, error) { return sqlite.Open(ctx, file) }
		return nil
	}
}

// migrate creates the tables.
func migrate(s *stage, opened *store.Store) {
	if _, _, err := opened.Migrate(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// stores lists faults of the store of jobs.
var stores = []fault{
	{name: "store", plant: func(s *stage) func() {
		s.patient.Store = func(ctx context.Context) (*store.Store, error) {
			return sqlite.Open(ctx, filepath.Join(s.TempDir(), "no", "folder", "jobs.db"))
		}
		return nil
	}},
	{name: "store-missing", plant: stored(func(*stage, *store.Store) {})},
	{name: "store-older", plant: stored(func(s *stage, opened *store.Store) { migrate(s, opened) }, `DELETE FROM gomeko_migration WHERE version > 1`)},
	{name: "store-newer", plant: stored(func(s *stage, opened *store.Store) { migrate(s, opened) }, `INSERT INTO gomeko_migration VALUES (1000, CURRENT_TIMESTAMP)`)},
}
