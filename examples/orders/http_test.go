package orders_test

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/servicetest"
)

// The methods are served over HTTP, in the same transactions as by RPC.
func TestHTTP(t *testing.T) {
	settings := orders.Settings{Database: filepath.Join(t.TempDir(), "orders.db")}
	client := servicetest.New(t, orders.Module, users.Module, fx.Replace(settings)).HTTP()
	const tea = `{"id":"a1","user_id":7,"customer":"Julio","product":"tea","count":1}`
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/orders", `{"id": "a1", "user_id": 7, "product": "tea"}`, 200, tea},
		{"GET", "/orders/a1", "", 200, tea},
		{"POST", "/orders", `{"id": "a1", "user_id": 7, "product": "coffee"}`, 200, tea},
		{"GET", "/orders/b9", "", 404, "Error: NotFound: \"b9\": order not found\n"},
		{"POST", "/orders", `{"id": 1, "user_id": "x"}`, 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"body id: a number does not fit string; body user_id: a string does not fit int; body product: is missing"`},
		{"POST", "/orders", `{"id": "a2", "user_id": 7, "product": "gold"}`, 500, "Error: InternalServerError: call orders.create_order."},
		{"GET", "/orders/a2", "", 404, "Error: NotFound: \"a2\": order not found\n"}, // not committed
		{"DELETE", "/orders/a1", "", 405, "Error: MethodNotAllowed: the allowed methods are GET, HEAD\n"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://orders"+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || !strings.HasPrefix(string(text), c.want) {
			t.Errorf("%s %s: got %s %s, %v, want %d %s", c.method, c.path, answer.Status, text, err, c.status, c.want)
		}
	}
}
