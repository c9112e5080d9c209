package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Gateway takes orders with lines.
type Gateway struct {
	_ service.Name `service:"gateway"`

	Entrypoints struct {
		Create web.Route        `web:"POST /orders"`
		Loose  web.Route        `web:"POST /loose" lenient:"true" method:"Create"`
		Order  web.SocketMethod `web:"order(lines)"`
		Slack  web.SocketMethod `web:"slack(lines)" lenient:"true" method:"Order"`
	}
}

type orderLine struct {
	Product  string  `json:"product"`
	Quantity int     `json:"quantity"`
	Unit     string  `json:"unit" default:"'piece'"`
	Note     *string `json:"note"`
}

func (*Gateway) Create(_ context.Context, args struct {
	Lines []orderLine `json:"lines"`
	First *orderLine  `json:"first"`
}) (string, error) {
	return fmt.Sprint(args.Lines), nil
}

func (*Gateway) Order(_ context.Context, lines []orderLine) (string, error) {
	return fmt.Sprint(lines), nil
}

// A body with an object that lacks a member is answered with 400 and the path of the member.
func TestMissingMembers(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Gateway))
	for _, test := range []struct{ path, body, want string }{
		{"/orders", `{"lines": [{"product": "tea", "quantity": 1}]}`, "[{tea 1 piece <nil>}]"},
		{"/orders", `{"lines": [{"product": "tea", "quantity": 1}, {"product": "tea"}], "first": {}}`,
			"Error: BadRequest: body lines[1].quantity: is missing; body first.product: is missing\n"},
		{"/orders", `{"lines": [{"product": 1, "quantity": 1}]}`, "Error: BadRequest: body lines[0].product: a number does not fit string\n"},
		{"/orders", `{"lines": 1}`, "Error: BadRequest: body lines: a number does not fit []web_test.orderLine\n"},
		{"/orders", `{}`, "Error: BadRequest: body lines: is missing\n"},
		{"/loose", `{"lines": [{}]}`, "[{ 0  <nil>}]"},
		{"/loose", `{}`, "Error: BadRequest: body lines: is missing\n"},
	} {
		status, _, got := request(t, p, "POST", test.path, jsonType, test.body)
		if want := strings.HasPrefix(test.want, "Error"); got != test.want || (status == 400) != want {
			t.Errorf("%s %s: got %d %q, want %q", test.path, test.body, status, got, test.want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/orders", strings.NewReader(`{"lines": [{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {jsonType}, "Accept": {jsonType}}
	const fault = `"errors":[{"in":"body","name":"lines[0].product","detail":"is missing"}]`
	if _, _, got := do(t, p, r); !strings.Contains(got, fault) {
		t.Errorf("got %s, want in it %s", got, fault)
	}

	conn := p.socket(t)
	if got := ask(t, conn, asking("order", `"lines": [{"product": "tea"}]`, "c")); !strings.Contains(got,
		`"order() argument 'lines' must be list: lines[0].quantity: is missing"`) {
		t.Errorf("got %s", got)
	}
	if got := ask(t, conn, asking("slack", `"lines": [{}]`, "c")); !strings.Contains(got, `"success": true`) {
		t.Errorf("got %s", got)
	}
}
