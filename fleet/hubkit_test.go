package fleet_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Board sends events to websockets and feeds.
type Board struct {
	_ service.Name `service:"board"`

	Entrypoints struct {
		Watch web.SocketMethod `web:"watch(channel)"`
		Feed  web.Feed         `web:"GET /feed"`
	}

	Hub web.Hub
}

// Watch subscribes a socket.
func (b *Board) Watch(_ context.Context, s *web.Socket, channel string) ([]string, error) {
	err := b.Hub.Subscribe(s.ID, channel)
	return b.Hub.Subscriptions(s.ID), err
}

// Feed allows every client to listen to every channel.
func (b *Board) Feed(_ context.Context, r *http.Request) ([]string, error) {
	return r.URL.Query()["channel"], nil
}

// A Publisher has no clients. It passes its hub to the test.
type Publisher struct {
	_ service.Name `service:"publisher"`

	Entrypoints struct {
		Give manual
	}

	Hub web.Hub

	hubs chan web.Hub
}

// Give sends the hub.
func (p *Publisher) Give(context.Context) error {
	p.hubs <- p.Hub
	return nil
}

// manual is a row that only a test calls.
type manual struct{}

func (manual) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("give()")
	return idle{}, err
}

// idle takes no input.
type idle struct{}

func (idle) Start(context.Context) error { return nil }
func (idle) Stop(context.Context) error  { return nil }

// A node is a process of the fleet.
type node struct {
	*hosttest.Host
	tap *brokertest.Tap
	url string
	hub web.Hub
}

// startNode starts a process with a Publisher, whose hub belongs to the fleet.
func startNode(t *testing.T, uri string, cfg web.Config, services ...any) *node {
	t.Helper()
	var port hosttest.Port
	n := &node{tap: new(brokertest.Tap)}
	p := &Publisher{hubs: make(chan web.Hub, 1)}
	cfg.Hub, cfg.Listen = "fleet", port.Listen
	services = append(services, p, service.Configure(cfg), service.Configure(fleet.Hub()))
	n.Host = hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, Dial: n.tap.Dial}}, services...)
	n.url = "http://" + port.Address()
	for _, r := range n.Rows() {
		if r.Name == "Give" {
			if _, err := r.Run(t.Context(), service.Request{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.hub = <-p.hubs
	return n
}

// A socket is a websocket of a node.
type socket struct {
	*websocket.Conn
	id string
}

// watch opens a websocket that listens to a channel.
func (n *node) watch(t *testing.T, channel string) *socket {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(n.url, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(hosttest.Timeout))
	s := &socket{Conn: conn}
	var connected struct {
		ID string `json:"socket_id"`
	}
	if f := s.read(t); json.Unmarshal(f.Data, &connected) != nil || connected.ID == "" {
		t.Fatalf("got %+v, want the event connected", f)
	}
	s.id = connected.ID
	if err := conn.WriteJSON(map[string]any{"method": "watch", "data": map[string]string{"channel": channel}}); err != nil {
		t.Fatal(err)
	}
	if f := s.read(t); !f.Success {
		t.Fatalf("got %+v, want success", f)
	}
	return s
}

// A frame is a frame of a websocket.
type frame struct {
	Type, Event string
	Success     bool
	Data        json.RawMessage
}

func (s *socket) read(t *testing.T) (f frame) {
	t.Helper()
	_, text, err := s.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

// expect reads events with these names and data, each as "name data".
func (s *socket) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		f := s.read(t)
		if got := f.Event + " " + string(f.Data); got != w {
			t.Fatalf("got %s, want %s", got, w)
		}
	}
}

// An answer is the response to a poll.
type answer struct {
	Events []struct {
		Channel, Event string
		Data           json.RawMessage
	}
	Next  string
	Reset *struct {
		Delay int64 `json:"delay_ms"`
	}
}

// told returns the data of the events, and "reset" if there is one.
func (a answer) told() string {
	var all []string
	for _, e := range a.Events {
		all = append(all, string(e.Data))
	}
	if a.Reset != nil {
		all = append(all, "reset")
	}
	return strings.Join(all, " ")
}

// poll asks a node for the events after next. If wait is "", it is the default.
func (n *node) poll(t *testing.T, channel, next, wait string) answer {
	t.Helper()
	query := url.Values{"channel": {channel}}
	if next != "" {
		query.Set("next", next)
	}
	if wait != "" {
		query.Set("wait", wait)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: hosttest.Timeout}
	response, err := client.Get(n.url + "/feed?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var a answer
	if err != nil || json.Unmarshal(body, &a) != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %s %s, %v", response.Status, body, err)
	}
	return a
}

// together waits until each node knows that the others listen to a channel. It returns a client
// position that each of them accepts.
func together(t *testing.T, channel string, nodes ...*node) (next string) {
	t.Helper()
	hosttest.Eventually(t, "each process knows that the others listen", func() bool {
		for _, from := range nodes {
			next = from.poll(t, channel, "", "0").Next
			for _, n := range nodes {
				if n.poll(t, channel, next, "0").Reset != nil {
					return false
				}
			}
		}
		return true
	})
	return next
}
