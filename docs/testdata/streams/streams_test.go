package streams

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/servicetest"
)

// The code of the page does what the page says.
func TestPage(t *testing.T) {
	h := servicetest.New(t, &Orders{Count: 2}, new(Shop))
	orders, err := rpc.Bind[OrdersClient](h)
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stdout
	defer func() { os.Stdout = old }()
	if os.Stdout, err = os.Open(os.DevNull); err != nil {
		t.Fatal(err)
	}
	if err := printAll(t.Context(), orders); err != nil {
		t.Error(err)
	}
	if n, err := orders.Import(t.Context(), orders.Export(t.Context(), 2026)); err != nil || n != 2 {
		t.Errorf("got %d, %v, want the 2 orders that were exported", n, err)
	}
	var total int
	if err := h.Client("shop").Call(t.Context(), "total", &total, 2026); err != nil || total != 2 {
		t.Errorf("a service that reads: got %d, %v, want 2", total, err)
	}
	if result, err := h.Run(t.Context(), "orders.Export", 2026); err != nil || len(result.([]Order)) != 2 {
		t.Errorf("without the broker: got %v, %v, want a list of 2 orders", result, err)
	}
	page, err := os.ReadFile("../../streams.md")
	if err != nil {
		t.Fatal(err)
	}
	for accept, command := range map[string]string{
		"application/x-ndjson": "curl -H 'Accept: application/x-ndjson' localhost:8000/years/2026/orders\n",
		"text/event-stream":    "curl -H 'Accept: text/event-stream' localhost:8000/years/2026/orders\n",
		"*/*":                  "curl localhost:8000/years/2026/orders\n",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://orders/years/2026/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", accept)
		answer, err := h.HTTP().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if text := command + strings.TrimSuffix(string(body), "\n") + "\n"; err != nil || !strings.Contains(string(page), text) {
			t.Errorf("the page does not contain, with %v:\n%s", err, text)
		}
	}
}

// A reader is tested without a broker.
func TestShop(t *testing.T) {
	shop := &Shop{Orders: OrdersClient{Export: func(context.Context, int) iter.Seq2[Order, error] {
		return func(yield func(Order, error) bool) {
			_ = yield(Order{ID: 1}, nil) && yield(Order{}, rpc.ErrConnectionLost)
		}
	}}}
	if _, err := shop.Total(t.Context(), 2026); !errors.Is(err, rpc.ErrConnectionLost) {
		t.Errorf("got %v, want the error of the stream", err)
	}
}
