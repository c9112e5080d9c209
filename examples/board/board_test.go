package board_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/board"
	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// asBoard is an environment variable that makes a child process run the program of the board.
const asBoard = "GOMEKO_TEST_BOARD"

func TestMain(m *testing.M) {
	if os.Getenv(asBoard) != "" {
		runner.Main(board.Module)
	}
	goleak.VerifyTestMain(m)
}

// serve hosts the board and the services that it calls on a free port, and returns its URL.
func serve(t *testing.T, database string) (url string) {
	t.Helper()
	var port hosttest.Port
	servicetest.New(t, board.New(), orders.Module, users.Module, fx.Replace(orders.Settings{Database: database}),
		service.Configure(web.Config{Listen: port.Listen}))
	return "http://" + port.Address()
}

// TestForm sends the form without the script: the response redirects to the page.
func TestForm(t *testing.T) {
	url := serve(t, "memory")
	defer http.DefaultClient.CloseIdleConnections()
	response, err := http.Post(url+"/buy", "application/x-www-form-urlencoded", strings.NewReader("id=&user_id=7&product=tea&count=1"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(response.Body); err != nil || response.Request.URL.Path != "/" || !strings.Contains(page.String(), "<title>Orders</title>") {
		t.Errorf("got %s of %s, %v:\n%s", response.Status, response.Request.URL, err, page.String())
	}
}

// TestOrderCreated calls methods on a struct, without a host.
func TestOrderCreated(t *testing.T) {
	t.Parallel()
	var told []string
	b := board.New()
	b.Hub.Broadcast = func(_ context.Context, channel, event string, data any) error {
		told = append(told, fmt.Sprint(channel, " ", event, " ", data.(board.Order).Product))
		return nil
	}
	b.Hub.Subscribe = func(string, string) error { return nil }
	b.Orders.Latest = func(context.Context, int) ([]board.Order, error) { return []board.Order{{ID: "a1"}}, nil }
	if err := b.OrderCreated(t.Context(), board.Order{ID: "a1", Product: "tea"}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0] != "orders order_created tea" {
		t.Errorf("got %q", told)
	}
	latest, err := b.Watch(t.Context(), &web.Socket{ID: "s"})
	if err != nil || len(latest) != 1 || latest[0].ID != "a1" {
		t.Errorf("got %v, %v, want the order", latest, err)
	}
}

// TestFailedCommit orders a product that does not exist, which only the commit detects. The board
// shows the other orders, but not that one.
func TestFailedCommit(t *testing.T) {
	h := servicetest.New(t, board.New(), orders.Module, users.Module, fx.Replace(orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}))
	shown := h.Watch("board.OrderCreated")
	for _, order := range []struct {
		id, product string
		works       bool
	}{{"a1", "tea", true}, {"a2", "gold", false}, {"a3", "coffee", true}} {
		_, err := h.Run(t.Context(), "board.Buy", rpc.Kwargs{"id", order.id, "user_id", 7, "product", order.product})
		if (err == nil) != order.works {
			t.Errorf("%s: got %v", order.product, err)
		}
	}
	for range 2 {
		if got := shown(); got.Err != nil {
			t.Error(got.Err)
		}
	}
	var latest []board.Order
	err := h.Socket().Call(t.Context(), "watch", &latest)
	if err != nil || len(latest) != 2 || latest[0].Product == "gold" || latest[1].Product == "gold" {
		t.Errorf("got %+v, %v, want the orders of tea and coffee", latest, err)
	}
}

// TestRestart fills the board and restarts it. A new page shows the orders, newest first.
func TestRestart(t *testing.T) {
	database := filepath.Join(t.TempDir(), "orders.db")
	t.Run("run", func(t *testing.T) {
		url := serve(t, database)
		defer http.DefaultClient.CloseIdleConnections()
		for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusOK, http.StatusConflict} {
			form := fmt.Sprintf("id=%d&user_id=7&product=tea&count=1", i)
			response, err := http.Post(url+"/buy", "application/x-www-form-urlencoded", strings.NewReader(form))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("order %d: got %s, want %d", i, response.Status, want)
			}
		}
	})
	h := servicetest.New(t, board.New(), orders.Module, users.Module, fx.Replace(orders.Settings{Database: database}))
	var latest []board.Order
	err := h.Socket().Call(t.Context(), "watch", &latest)
	if err != nil || len(latest) != 3 || latest[0].ID != "2" || latest[2].ID != "0" {
		t.Errorf("got %+v, %v, want the three orders", latest, err)
	}
}
