package board_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/board"
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// startBoard runs the program of the board with its configuration, and returns its URL.
func startBoard(t *testing.T, broker string) (url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "--config", "config.yaml", "--http", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), asBoard+"=1", "AMQP_URI="+broker)
	return hosttest.StartProcess(t, cmd).Match(`http://127\.0\.0\.1:\d+`)
}

// TestTwoProcesses runs the board in two processes. An order posted to one of them reaches the
// clients of the other: by websocket, as a Server-Sent Event, and by long polling.
func TestTwoProcesses(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, orders.Module, users.Module,
			fx.Replace(orders.Settings{Database: "memory"}), service.Configure(web.Config{Address: "127.0.0.1:0"}))
		there, here := startBoard(t, uri), startBoard(t, uri)
		defer http.DefaultClient.CloseIdleConnections()
		for i, customer := range []string{"Julio", "Ana"} { // either process may handle the event
			heard := make(chan order)
			for _, listen := range []func(*testing.T, string) func() order{bySocket, byStream, byPoll} {
				next := listen(t, here)
				go func() { heard <- next() }()
			}
			form := url.Values{"user_id": {[]string{"7", "8"}[i]}, "product": {"tea"}}
			response, err := http.PostForm(there+"/buy", form)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			for range 3 {
				if got := hosttest.Receive(t, "the order", heard); got.Customer != customer || got.Product != "tea" {
					t.Errorf("got %+v, want tea for %s", got, customer)
				}
			}
		}
	})
}

// bySocket watches over a websocket. It returns a function that returns the next order.
func bySocket(t *testing.T, board string) func() order {
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(board, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetReadDeadline(time.Now().Add(hosttest.Timeout))
	var frame struct {
		Success bool
		Event   string
		Data    json.RawMessage
	}
	err = conn.WriteJSON(map[string]string{"method": "watch"})
	for err == nil && !frame.Success {
		err = conn.ReadJSON(&frame)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() order {
		for conn.ReadJSON(&frame) == nil {
			if frame.Event == "order_created" {
				return decode(frame.Data)
			}
		}
		return order{}
	}
}

// byStream listens to Server-Sent Events.
func byStream(t *testing.T, board string) func() order {
	response := get(t, board+"/feed", "text/event-stream")
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() && lines.Text() != "" { // the first block says where it begins
	}
	return func() order {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return decode([]byte(data))
			}
		}
		return order{}
	}
}

// byPoll polls.
func byPoll(t *testing.T, board string) func() order {
	var answer struct {
		Events []struct{ Data json.RawMessage }
		Next   string
	}
	poll := func(query string) bool {
		return json.NewDecoder(get(t, board+"/feed"+query, "").Body).Decode(&answer) == nil
	}
	if !poll("?wait=0") {
		t.Fatal("no answer to the first poll")
	}
	return func() order {
		for poll("?next=" + answer.Next) {
			if len(answer.Events) > 0 {
				return decode(answer.Events[0].Data)
			}
		}
		return order{}
	}
}

// order is an order as the clients see it.
type order = board.Order

func decode(data []byte) (o order) {
	_ = json.Unmarshal(data, &o) // the test compares
	return o
}

// get sends a request, whose response is closed when the test ends.
func get(t *testing.T, url, accept string) *http.Response {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return &http.Response{Body: http.NoBody}
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}
