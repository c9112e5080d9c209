package transport_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/transport"
)

// TestDenied makes RabbitMQ deny each operation of a connection: the error says what to grant.
func TestDenied(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	admin := dial(t, uri)
	declare(t, admin, transport.Topology{
		Exchanges: []transport.Exchange{{Name: "nameko-rpc", Kind: "topic", Durable: true}},
		Queues:    []transport.Queue{{Name: "rpc-orders", Durable: true}},
	})
	user := brokertest.NewUser(t, uri)
	vhost := uri[strings.LastIndex(uri, "/")+1:]
	bind := transport.Topology{Bindings: []transport.Binding{{Queue: "rpc-orders", Exchange: "nameko-rpc", Key: "orders.*"}}}
	declaring := func(topology transport.Topology) func(*transport.Conn, context.Context) error {
		return func(c *transport.Conn, ctx context.Context) error { return c.Declare(ctx, topology) }
	}
	tests := []struct {
		name                   string
		configure, write, read string
		do                     func(c *transport.Conn, ctx context.Context) error
		want, grant            string
	}{
		{"declare an exchange", "", ".*", ".*", declaring(transport.Topology{Exchanges: []transport.Exchange{{Name: "shop.events", Kind: "topic"}}}),
			`configure exchange "shop.events"`, `"…|^shop\.events$" "…" "…"`},
		{"declare a queue", "", ".*", ".*", declaring(queue("rpc-users")),
			`configure queue "rpc-users"`, `"…|^rpc-users$" "…" "…"`},
		{"bind a queue", ".*", "", ".*", declaring(bind),
			`write queue "rpc-orders"`, `"…" "…|^rpc-orders$" "…"`},
		{"bind to an exchange", ".*", ".*", "", declaring(bind),
			`read exchange "nameko-rpc"`, `"…" "…" "…|^nameko-rpc$"`},
		{"publish", ".*", "", ".*", func(c *transport.Conn, ctx context.Context) error {
			return c.Publish(ctx, transport.Publishing{Exchange: "nameko-rpc", Key: "orders.get"})
		}, `write exchange "nameko-rpc"`, `"…" "…|^nameko-rpc$" "…"`},
		{"publish to a queue", ".*", "", ".*", func(c *transport.Conn, ctx context.Context) error {
			return c.Publish(ctx, transport.Publishing{Key: "rpc-orders"})
		}, `write exchange "amq.default"`, `"…" "…|^amq\.default$" "…"`},
		{"consume", ".*", ".*", "", func(c *transport.Conn, ctx context.Context) error {
			_, err := c.Consume(ctx, transport.Consume{Queue: "rpc-orders", Handle: func(*transport.Delivery) {}})
			return err
		}, `read queue "rpc-orders"`, `"…" "…" "…|^rpc-orders$"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			user.Grant(test.configure, test.write, test.read)
			err := test.do(dial(t, user.URI("secret")), limit(t))
			want := fmt.Sprintf(`user %q may not %s in vhost %q: grant it, as in rabbitmqctl set_permissions -p %s %s %s`,
				user.Name, test.want, vhost, vhost, user.Name, test.grant)
			refusal := new(transport.Error)
			if !errors.As(err, &refusal) || refusal.Code != 403 || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got %v\nwant %s", err, want)
			}
			if errors.Is(err, transport.ErrConnectionLost) {
				t.Errorf("got %v, want no lost connection", err)
			}
		})
	}
}

// TestDeniedLater removes permissions from a connected user. The refusal is logged at level ERROR,
// and the Conn tries again until the permissions are granted.
func TestDeniedLater(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	user := brokertest.NewUser(t, uri)
	user.Grant(".*", ".*", ".*")
	p := newProxy(t, user.URI("secret"))
	log := new(hosttest.Log)
	c := dialConfig(t, transport.Config{URI: p.uri, Logger: log.Logger()})
	exclusive := transport.Topology{
		Exchanges: []transport.Exchange{{Name: "shop", Kind: "topic", AutoDelete: true}},
		Queues:    []transport.Queue{{Name: "mine", Exclusive: true}},
		Bindings:  []transport.Binding{{Queue: "mine", Exchange: "shop", Key: "#"}},
	}
	declare(t, c, queue("q"))
	declare(t, c, exclusive)
	_, deliveries := consume(t, c, "q", 1)

	user.Grant("", ".*", "")
	p.cut()
	// These may arrive in any order.
	consuming, declaring := false, false
	for !consuming || !declaring {
		line := log.Next(t, "level=ERROR", "403 ", "grant it, as in rabbitmqctl")
		consuming = consuming || strings.Contains(line, `msg="consumer stopped, trying again"`) && strings.Contains(line, `read queue \"q\"`)
		declaring = declaring || strings.Contains(line, `msg="broker refuses a declaration that it accepted before, trying again"`) && strings.Contains(line, `configure queue \"mine\"`)
	}
	user.Grant(".*", ".*", ".*")
	if err := c.Wait(limit(t)); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "q", "again")
	hosttest.Next(t, deliveries).Ack()
	hosttest.Eventually(t, "all is declared again", func() bool {
		return c.Publish(limit(t), transport.Publishing{Exchange: "shop", Mandatory: true}) == nil
	})
}

// TestReplyDenied runs a service that has no permission to reply: of all requests, only one is
// delivered twice.
func TestReplyDenied(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	user := brokertest.NewUser(t, uri)
	user.Grant(".*", "", ".*")
	admin := dial(t, uri)
	declare(t, admin, queue("q"))
	c := dial(t, user.URI("secret"))
	runs, refused := new(atomic.Int32), make(chan error, 100)
	if _, err := c.Consume(limit(t), transport.Consume{Queue: "q", Prefetch: 1, Handle: func(d *transport.Delivery) {
		runs.Add(1)
		if err := d.Reply(limit(t), transport.Publishing{Key: "replies"}); err != nil {
			refused <- err
		}
		d.Ack()
	}}); err != nil {
		t.Fatal(err)
	}
	const n = 5
	for range n {
		publish(t, admin, "q", "")
	}
	for range n {
		if err := <-refused; !strings.Contains(err.Error(), `may not write exchange "amq.default"`) {
			t.Errorf("got %v, want what to grant", err)
		}
	}
	hosttest.Eventually(t, "all are acknowledged", func() bool { return brokertest.Depth(t, uri, "q") == 0 })
	if got := runs.Load(); got != n+1 {
		t.Errorf("got %d runs, want %d: one was run again", got, n+1)
	}
}
