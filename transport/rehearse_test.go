package transport_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/transport"
)

// use is what a service asks for.
func use() transport.Use {
	return transport.Use{
		Topology: transport.Topology{
			Exchanges: []transport.Exchange{{Name: "shop", Kind: "topic", Durable: true}, {Name: "other", Kind: "fanout", Durable: true}},
			Queues: []transport.Queue{
				{Name: "bills", Durable: true, Args: transport.Table{"x-expires": int32(60000)}},
				{Name: "gomeko.dead.bills", Durable: true, Kept: true, Args: transport.Table{"x-queue-type": "quorum"}},
			},
			Bindings: []transport.Binding{{Queue: "bills", Exchange: "shop", Key: "#"}},
		},
		Consumes: []string{"bills"},
		Writes:   []string{"shop", ""},
	}
}

func rehearse(t *testing.T, c *transport.Conn, u transport.Use) (texts []string) {
	t.Helper()
	refusals, err := c.Rehearse(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range refusals {
		var refused *transport.Error
		if !errors.As(err, &refused) {
			t.Errorf("got %v, which has no *Error", err)
		}
		texts = append(texts, err.Error())
	}
	return texts
}

func TestRehearse(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		c := dial(t, uri)
		if got := rehearse(t, c, use()); got != nil {
			t.Errorf("got %q before anything exists, want no refusal", got)
		}
		ch := brokertest.Channel(t, uri)
		if _, err := ch.QueueDeclarePassive("bills", true, false, false, false, nil); err == nil {
			t.Error("the rehearsal has created the queue")
		}
		if err := c.Declare(t.Context(), use().Topology); err != nil {
			t.Fatal(err)
		}
		publish(t, c, "bills", "one")
		if got := rehearse(t, c, use()); got != nil {
			t.Errorf("got %q when everything exists, want no refusal", got)
		}
		if n := brokertest.Depth(t, uri, "bills"); n != 1 {
			t.Errorf("got %d messages after the rehearsal, want 1", n)
		}
		u := use()
		u.Exchanges[1].Kind = "direct"
		u.Queues[0].Args = nil
		u.Queues[1].Args = nil // left as it is
		got := rehearse(t, c, u)
		if len(got) != 2 || !strings.Contains(got[0], `exchange "other": broker: 406`) || !strings.Contains(got[1], `queue "bills": broker: 406`) {
			t.Errorf("got %q, want a 406 for the exchange and one for the queue", got)
		}
	})
}

// TestRehearsePermissions checks that each permission is tested, also for what does not exist.
func TestRehearsePermissions(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	user := brokertest.NewUser(t, uri)
	for _, exists := range []bool{false, true} {
		if exists {
			if err := dial(t, uri).Declare(t.Context(), use().Topology); err != nil {
				t.Fatal(err)
			}
		}
		for _, tt := range []struct {
			configure, write, read string
			want                   []string
		}{
			{".*", ".*", ".*", nil},
			{"^(shop|other|gomeko.*)$", ".*", ".*", []string{`may not configure queue "bills"`}},
			{"^(bills|other|gomeko.*)$", ".*", ".*", []string{`may not configure exchange "shop"`}},
			{".*", "^(shop|amq.default)$", ".*", []string{`may not write queue "bills"`}},
			{".*", ".*", "^shop$", []string{`may not read queue "bills"`}},
			{".*", ".*", "^bills$", []string{`may not read exchange "shop"`}},
			{".*", "^(bills|shop)$", ".*", []string{`may not write exchange "amq.default"`}},
			{".*", "^(bills|amq.default)$", ".*", []string{`may not write exchange "shop"`}},
		} {
			user.Grant(tt.configure, tt.write, tt.read)
			got := rehearse(t, dial(t, user.URI("secret")), use())
			if !slices.EqualFunc(got, tt.want, strings.Contains) {
				t.Errorf("exists %t, permissions %q %q %q: got %q, want %q", exists, tt.configure, tt.write, tt.read, got, tt.want)
			}
		}
	}
}

func TestServer(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		s, err := dial(t, uri).Server(t.Context())
		if err != nil || s.Product != "RabbitMQ" || !strings.HasPrefix(s.Version, "3.") || s.Platform == "" || s.Heartbeat == 0 {
			t.Errorf("got %+v, %v", s, err)
		}
	})
}
