package streams

import (
	"os"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/servicetest"
	"testing"
)

// The code of the page does what the page says.
func TestPage(t *testing.T) {
	h := servicetest.New(t, &Orders{Count: 3})
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
	if n, err := orders.Import(t.Context(), orders.Export(t.Context(), 2026)); err != nil || n != 3 {
		t.Errorf("got %d, %v, want the 3 orders that were exported", n, err)
	}
	if result, err := h.Run(t.Context(), "orders.Export", 2026); err != nil || len(result.([]Order)) != 3 {
		t.Errorf("without the broker: got %v, %v, want a list of 3 orders", result, err)
	}
}
