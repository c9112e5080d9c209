package web_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Weather reports rain to browsers.
type Weather struct {
	_ service.Name `service:"weather"`

	Entrypoints struct {
		Watch  web.SocketMethod `web:"watch(town)"`
		Report web.SocketMethod `web:"report(town, rain=0)"` // usually an rpc.Method or an events.Handler
	}

	Hub web.Hub
}

// Watch subscribes a browser to the reports of a town.
func (w *Weather) Watch(_ context.Context, s *web.Socket, town string) ([]string, error) {
	err := w.Hub.Subscribe(s.ID, town)
	return w.Hub.Subscriptions(s.ID), err
}

// Report sends a report to the browsers that watch a town.
func (w *Weather) Report(ctx context.Context, town string, rain float64) error {
	return w.Hub.Broadcast(ctx, town, "rain", rain)
}

func ExampleSocketMethod() {
	url, stop := serve(new(Weather))
	defer stop()
	conn, _, err := websocket.DefaultDialer.Dial(strings.Replace(url, "http", "ws", 1)+"/ws", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	for _, request := range []string{
		`{"method": "watch", "data": {"town": "Oslo"}, "correlation_id": 1}`,
		`{"method": "report", "data": {"town": "Oslo", "rain": 2.5}, "correlation_id": 2}`,
	} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(request)); err != nil {
			fmt.Println(err)
		}
	}
	for range 4 { // the first frame contains the socket's ID
		_, frame, err := conn.ReadMessage()
		if text := string(frame); err == nil && !strings.Contains(text, "connected") {
			fmt.Println(text)
		}
	}
	// Output:
	// {"type": "result", "success": true, "data": ["Oslo"], "correlation_id": 1}
	// {"type": "event", "event": "rain", "data": 2.5}
	// {"type": "result", "success": true, "data": null, "correlation_id": 2}
}

// A test of a method sets the Hub to a literal with the functions that the method calls.
func ExampleHub() {
	weather := &Weather{Hub: web.Hub{
		Broadcast: func(_ context.Context, channel, event string, data any) error {
			fmt.Println(channel, event, data)
			return nil
		},
	}}
	if err := weather.Report(context.Background(), "Oslo", 2.5); err != nil {
		fmt.Println(err)
	}
	// Output: Oslo rain 2.5
}
