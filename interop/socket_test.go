package interop_test

import (
	"context"
	"net"
	"regexp"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// GoSockets is peer/sockets.py in Go.
type GoSockets struct {
	_ service.Name `service:"go_sockets"`

	Entrypoints struct {
		Watch    web.SocketMethod `web:"watch(channel='all')"`
		Leave    web.SocketMethod `web:"leave(channel)"`
		Echo     web.SocketMethod `web:"echo(value=None, *, more=2)"`
		Say      web.SocketMethod `web:"say(channel, text)"`
		Tell     web.SocketMethod `web:"tell(other)"`
		Announce rpc.Method       `rpc:"announce(text)"`
	}

	Hub web.Hub
}

func (g *GoSockets) Watch(_ context.Context, s *web.Socket, channel string) ([]string, error) {
	err := g.Hub.Subscribe(s.ID, channel)
	return g.Hub.Subscriptions(s.ID), err
}

func (g *GoSockets) Leave(_ context.Context, s *web.Socket, channel string) ([]string, error) {
	g.Hub.Unsubscribe(s.ID, channel)
	return g.Hub.Subscriptions(s.ID), nil
}

func (*GoSockets) Echo(_ context.Context, value, more any) ([]any, error) {
	return []any{value, more}, nil
}

func (g *GoSockets) Say(ctx context.Context, s *web.Socket, channel, text string) (bool, error) {
	said := struct {
		Text string `json:"text"`
		By   any    `json:"by"`
	}{Text: text}
	if err := g.Hub.Broadcast(ctx, channel, "said", said); err != nil {
		return false, err
	}
	return g.Hub.Unicast(ctx, s.ID, "heard", []any{1, 2.5})
}

func (g *GoSockets) Tell(ctx context.Context, other string) (bool, error) {
	return g.Hub.Unicast(ctx, other, "told", "x")
}

func (g *GoSockets) Announce(ctx context.Context, text string) error {
	return g.Hub.Broadcast(ctx, "all", "announced", map[string]string{"text": text})
}

// A call by Python's RPC ends as a push to a browser.
func TestPushFromPython(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		ctx := t.Context()
		h := servicetest.New(t, new(GoSockets), service.Configure(transport.Config{URI: uri}))
		browser := h.Socket()
		if err := browser.Call(ctx, "watch", nil); err != nil {
			t.Fatal(err)
		}
		got := startCaller(t, uri).call(t, call{Service: "go_sockets", Method: "announce", Args: []any{"¡Hola!"}})
		if got[0].Raised != "" {
			t.Fatalf("got %+v at the caller", got[0])
		}
		var data struct{ Text string }
		if event, err := browser.Event(ctx, &data); event != "announced" || data.Text != "¡Hola!" || err != nil {
			t.Errorf("got %s %+v, %v", event, data, err)
		}
	})
}

// A client of websockets cannot tell which of the two it talks to: the frames are the same, byte
// for byte.
func TestSocketsOfBoth(t *testing.T) {
	uri := brokertest.Embedded(t)
	address := hosttest.FreeAddress(t)
	t.Setenv("WEB_SERVER_ADDRESS", address)
	startNameko(t, uri, "peer", "sockets.yaml", "sockets", "python_sockets")
	python := dialSocket(t, address)

	address = hosttest.FreeAddress(t)
	serveSockets(t, uri, address)
	ours := dialSocket(t, address)

	same(t, "that it is connected", ours, python)
	for _, sent := range []struct {
		frame   string
		answers int
	}{
		{`{"method": "watch", "correlation_id": 1}`, 1},
		{`{"method": "watch", "data": {"channel": "B"}, "correlation_id": "2"}`, 1},
		{`{"method": "leave", "data": {"channel": "all"}}`, 1},
		{`{"method": "leave", "data": {"channel": "never"}, "correlation_id": null}`, 1},
		{`{"method": "say", "data": {"text": "a\"b, c: d", "channel": "B"}, "correlation_id": [1, {"a": 2.0}]}`, 3},
		{`{"method": "say", "data": {"text": "x", "channel": "nobody"}, "correlation_id": true}`, 2},
		{`{"method": "tell", "data": {"other": "gone"}, "correlation_id": 1.5}`, 1},
		{`{"method": "echo", "data": {"value": {"a": {}, "b": [1, 2.0, 1e+300, 10000000000000000000000]}}}`, 1}, // NaN: ours is null
		{`{"method": "echo", "data": {"more": []}, "correlation_id": 0}`, 1},
		{`{"method": "echo", "data": "", "correlation_id": "c"}`, 1},
		{`{"method": "echo", "data": "text", "correlation_id": "c"}`, 1},
		{`{"method": "echo", "data": 2.5, "correlation_id": "c"}`, 1},
		{`{"method": "echo", "data": true, "correlation_id": "c"}`, 1},
		{`{"method": "echo", "data": {"unknown": 1}, "correlation_id": "c"}`, 1},
		{`{"method": "tell", "correlation_id": "c"}`, 1},
		{`{"method": null, "correlation_id": "c"}`, 1},
		{`{"method": "announce", "data": {"text": "x"}, "correlation_id": "c"}`, 1},
		{`"text"`, 1},
		{`{`, 1},
	} {
		for _, conn := range []*websocket.Conn{ours, python} {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(sent.frame)); err != nil {
				t.Fatal(err)
			}
		}
		for range sent.answers {
			same(t, sent.frame, ours, python)
		}
	}
}

// The client that Nameko's own tests use talks to Go as it does to Nameko.
func TestSocketClientOfPython(t *testing.T) {
	address := hosttest.FreeAddress(t)
	serveSockets(t, brokertest.Embedded(t), address)
	_, port, _ := net.SplitHostPort(address)
	client := python(t, "socket_client.py", port)
	client.Stderr = t.Output()
	got, err := client.Output()
	if err != nil {
		t.Fatal(err)
	}
	const want = `connected ['socket_id']
["all"]
[{"\u00f8": [1, 2.5, null]}, "x"]
true
[["said", {"text": "hell\u00f8", "by": null}], ["heard", [1, 2.5]]]
false
IncorrectSignature: tell() missing 1 required positional argument: 'other'
MethodNotFound: ` + `
[]
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// serveSockets hosts GoSockets at an address until the test ends.
func serveSockets(t *testing.T, uri, address string) {
	t.Helper()
	hostOn(t, service.Config{}, transport.Config{URI: uri}, new(GoSockets), service.Configure(web.Config{Address: address}))
}

var socketID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// same reads a frame of each.
func same(t *testing.T, sent string, ours, python *websocket.Conn) {
	t.Helper()
	var frames [2]string
	for i, conn := range []*websocket.Conn{ours, python} {
		_, frame, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("%q: %v", sent, err)
		}
		frames[i] = socketID.ReplaceAllString(string(frame), "<id>")
	}
	if frames[0] != frames[1] {
		t.Errorf("%s:\ngot  %s\nwant %s", sent, frames[0], frames[1])
	}
}

// dialSocket opens a socket.
func dialSocket(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	return conn
}
