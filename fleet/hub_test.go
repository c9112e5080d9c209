package fleet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// TestHub sends events from each of three processes, one of which has no clients, to websockets in
// the other two.
func TestHub(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		a, b := startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{}, new(Board))
		c := startNode(t, uri, web.Config{})
		sockets := []*socket{a.watch(t, "news"), a.watch(t, "#"), b.watch(t, "news"), b.watch(t, "news.*")}
		var want []string
		for i, n := range []*node{a, b, c} {
			for k := range 3 {
				if err := n.hub.Broadcast(t.Context(), "news", "told", fmt.Sprint(i, k)); err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprintf("told %q", fmt.Sprint(i, k)))
			}
			for _, s := range []*socket{sockets[0], sockets[2]} { // in order, and each once
				s.expect(t, want...)
			}
			want = nil
		}
		for _, channel := range []string{"#", "news.*"} {
			if err := c.hub.Broadcast(t.Context(), channel, "told", channel); err != nil {
				t.Fatal(err)
			}
		}
		sockets[1].expect(t, `told "#"`) // and nothing else
		sockets[3].expect(t, `told "news.*"`)
	})
}

// TestUnicast sends an event to a socket of another process, and asks for its subscriptions.
func TestUnicast(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		a, b, c := startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{})
		s := a.watch(t, "news")
		for i, n := range []*node{a, b, c} {
			if ok, err := n.hub.Unicast(t.Context(), s.id, "told", i); !ok || err != nil {
				t.Errorf("got %t, %v", ok, err)
			}
			s.expect(t, fmt.Sprintf("told %d", i))
			if got := n.hub.Subscriptions(s.id); !slices.Equal(got, []string{"news"}) {
				t.Errorf("got %q", got)
			}
			// A closed socket, one of a process that is gone, and one that never existed.
			closed := s.id[:len(s.id)-1] + "?"
			for _, id := range []string{closed, strings.Repeat("0", 8) + s.id[8:], "nobody"} {
				if ok, err := n.hub.Unicast(t.Context(), id, "told", i); ok || err != nil {
					t.Errorf("%s: got %t, %v", id, ok, err)
				}
				if got := n.hub.Subscriptions(id); got == nil || len(got) > 0 {
					t.Errorf("%s: got %#v, want an empty list", id, got)
				}
			}
		}
		if _, err := b.hub.Unicast(t.Context(), s.id, "told", func() {}); err == nil || !strings.Contains(err.Error(), "cannot encode") {
			t.Errorf("got %v", err)
		}
	})
}

// TestHubLoss cuts the connection of a process. Its own clients still receive what it sends
// meanwhile, and get a reset when it is connected again.
func TestHubLoss(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		a, b := startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{}, new(Board))
		s, other := a.watch(t, "news"), b.watch(t, "news")
		first, there := a.poll(t, "news", "", "0"), b.poll(t, "news", "", "0")
		a.tap.Cut()
		a.Log.Wait(t, 1, "connection to the broker lost")
		if err := a.hub.Broadcast(t.Context(), "news", "told", 1); err != nil {
			t.Fatal(err)
		}
		s.expect(t, "told 1")
		if f := s.read(t); f.Event != "reset" || !strings.Contains(string(f.Data), `"delay_ms"`) {
			t.Errorf("got %+v, want a reset", f)
		}
		other.expect(t, "told 1") // it waited for the connection
		if err := b.hub.Broadcast(t.Context(), "news", "told", 2); err != nil {
			t.Fatal(err)
		}
		s.expect(t, "told 2")
		if got := a.poll(t, "news", first.Next, "0"); got.told() != "reset" {
			t.Errorf("got %s, want a reset", got.told())
		}
		// The other process was listening all the time.
		if got := b.poll(t, "news", there.Next, "0"); got.told() != "1 2" {
			t.Errorf("got %s, want all", got.told())
		}
	})
}

// TestHubExchangeDeleted deletes the exchange while processes run. It is declared and bound again,
// and clients get a reset, because events sent meanwhile are lost.
func TestHubExchangeDeleted(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]bool{"noticed by a publisher": true, "noticed by listeners": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brokertest.Each(t, func(t *testing.T, uri string) {
				a, b := startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{}, new(Board))
				publisher := startNode(t, uri, web.Config{})
				sockets := []*socket{a.watch(t, "news"), b.watch(t, "news")}
				next := together(t, "news", a, b)
				if err := brokertest.Channel(t, uri).ExchangeDelete(fleet.HubExchange, false, false); err != nil {
					t.Fatal(err)
				}
				if sent {
					if err := publisher.hub.Broadcast(t.Context(), "news", "told", 1); err != nil {
						t.Fatal(err)
					}
				}
				for _, s := range sockets {
					if f := s.read(t); f.Event != "reset" {
						t.Errorf("got %+v, want a reset", f)
					}
				}
				if err := publisher.hub.Broadcast(t.Context(), "news", "told", 2); err != nil {
					t.Fatal(err)
				}
				for _, s := range sockets {
					s.expect(t, "told 2")
				}
				if got := b.poll(t, "news", next, "0"); got.Reset == nil {
					t.Errorf("got %s, want a reset", got.told())
				}
				if ok, err := publisher.hub.Unicast(t.Context(), sockets[0].id, "told", 3); !ok || err != nil {
					t.Errorf("got %t, %v", ok, err)
				}
				sockets[0].expect(t, "told 3")
			})
		})
	}
}

// TestHubPublisherRestarts kills a process that sends events and starts another one in its place.
// Clients receive all events in order, each once and without a reset.
func TestHubPublisherRestarts(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		n := startNode(t, uri, web.Config{}, new(Board))
		s, next := n.watch(t, "news"), n.poll(t, "news", "", "0").Next
		for first := 1; first <= 5; first += 2 {
			p := startSoaked(t, uri, "publisher")
			for i := first; i < first+2; i++ {
				fmt.Fprintln(p.input, i)
				var e numbered
				if f := s.read(t); f.Event != "told" || json.Unmarshal(f.Data, &e) != nil || e.N != i {
					t.Fatalf("got %+v, want the event %d", f, i)
				}
			}
			got := n.poll(t, "news", next, "")
			if len(got.Events) != 2 || got.Reset != nil {
				t.Errorf("got %s, want two events", got.told())
			}
			next = got.Next
			p.Kill()
		}
	})
}

// TestHubPoll polls two processes in turn. The client receives every event once.
func TestHubPoll(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		nodes := []*node{startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{}, new(Board))}
		publisher := startNode(t, uri, web.Config{})
		for _, n := range nodes { // both listen from now on
			n.watch(t, "news")
		}
		next := together(t, "news", nodes...)
		for i := range 20 {
			if err := publisher.hub.Broadcast(t.Context(), "news", "told", i); err != nil {
				t.Fatal(err)
			}
			got := nodes[i%2].poll(t, "news", next, "")
			if got.told() != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d", got.told(), i)
			}
			next = got.Next
		}
	})
}

// TestHubLateProcess returns a client to a process that did not listen all the time.
func TestHubLateProcess(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		a, publisher := startNode(t, uri, web.Config{}, new(Board)), startNode(t, uri, web.Config{})
		tell := func(i int) {
			if err := publisher.hub.Broadcast(t.Context(), "news", "told", i); err != nil {
				t.Fatal(err)
			}
		}
		first := a.poll(t, "news", "", "0")
		tell(1)
		second := a.poll(t, "news", first.Next, "")
		b := startNode(t, uri, web.Config{}, new(Board))
		for _, next := range []string{first.Next, second.Next} {
			if got := b.poll(t, "news", next, "0"); got.told() != "reset" {
				t.Errorf("got %s, want a reset", got.told())
			}
		}
		// A process learns that another one listens. From then on, its clients may go there.
		hosttest.Eventually(t, "the mark of the other process", func() bool {
			third := a.poll(t, "news", second.Next, "0")
			return third.Next != second.Next && b.poll(t, "news", third.Next, "0").told() == ""
		})
	})
}

// TestBroadcast sends an event from a program that hosts no services.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		if heard, err := fleet.Broadcast(t.Context(), conn, "news", "told", []byte(`1`)); heard || err != nil {
			t.Errorf("got %t, %v, want that nobody listens", heard, err)
		}
		s := startNode(t, uri, web.Config{}, new(Board)).watch(t, "news")
		if heard, err := fleet.Broadcast(t.Context(), conn, "news", "told", []byte(`{"a": 1}`)); !heard || err != nil {
			t.Errorf("got %t, %v", heard, err)
		}
		s.expect(t, `told {"a": 1}`)
	})
}

// TestHubCompressed sends large events from a program that compresses them. Clients do not notice.
// A body that is not zlib, or is too large, is dropped.
func TestHubCompressed(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		tap := new(brokertest.Tap)
		conn := hosttest.Dial(t, transport.Config{URI: uri, CompressOver: 1000, Dial: tap.Dial})
		n := startNode(t, uri, web.Config{}, new(Board))
		s := n.watch(t, "news")
		large := strconv.Quote(strings.Repeat("x", 2000))
		for _, body := range []string{`"small"`, large} {
			if heard, err := fleet.Broadcast(t.Context(), conn, "news", "told", []byte(body)); !heard || err != nil {
				t.Errorf("got %t, %v", heard, err)
			}
			s.expect(t, "told "+body)
		}
		sent := tap.Published(t)
		if len(sent) != 2 || string(sent[0].Body) != `"small"` || len(sent[1].Body) > 100 {
			t.Errorf("got %d messages, want a plain and a compressed one", len(sent))
		}
		bomb := codec.Deflate(make([]byte, 17<<20))
		for _, body := range [][]byte{[]byte("not zlib"), bomb} {
			err := conn.Publish(t.Context(), transport.Publishing{Exchange: fleet.HubExchange, Key: web.TopicOf("news"), Body: body, Properties: transport.Properties{
				Type:    "gomeko.hub.event",
				Headers: transport.Table{"compression": codec.Zlib, "channel": "news", "event": "told", "origin": "0102030405060708", "seq": int64(1)},
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		n.Log.Wait(t, 2, "event of another process dropped")
	})
}

// TestHubNeedsFleet checks the error of a program that does not connect the hubs.
func TestHubNeedsFleet(t *testing.T) {
	t.Parallel()
	_, err := hosttest.New(t, hosttest.Config{}, new(Board), service.Configure(web.Config{Hub: "fleet"}))
	if err == nil || !strings.Contains(err.Error(), "add service.Configure(fleet.Hub())") {
		t.Errorf("got %v", err)
	}
}
