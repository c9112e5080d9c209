package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Kiosk takes requests with constraints.
type Kiosk struct {
	_ service.Name `service:"kiosk"`

	Entrypoints struct {
		Buy    web.Route        `web:"POST /shops/{shop}/orders"`
		Find   web.Route        `web:"GET /orders"`
		Passed web.Route        `web:"POST /passed"`
		Lost   web.Route        `web:"POST /lost"`
		Sock   web.SocketMethod `web:"sock(item)"`
	}
}

type item struct {
	Product  string `json:"product" minLength:"2"`
	Quantity int    `json:"quantity" min:"1"`
	Note     string `json:"note,omitempty" maxLength:"3"`
}

func (*Kiosk) Buy(_ context.Context, args struct {
	Shop   string   `json:"shop" enum:"north,south"`
	Tenant string   `json:"tenant" header:"X-Tenant" pattern:"^t[0-9]+$"`
	Items  []item   `json:"items"`
	Tags   []string `json:"tags" query:"a/tag" default:"[]" maxLength:"2"`
	Mail   string   `json:"mail,omitempty" format:"email"`
}) error {
	return nil
}

func (*Kiosk) Find(_ context.Context, args struct {
	Page int `json:"page" default:"1" min:"1"`
}) error {
	return nil
}

// remote is the error of a service that has rejected the arguments.
func remote(text string) error {
	e, err := rpcerror.Decode(codec.JSON, []byte(text), nil)
	return errors.Join(e, err)
}

const refused = `{"exc_type": "ValidationError", "exc_path": "gomeko.ValidationError", "value": "/a must be b",
	"exc_args": ["/a must be b", [{"pointer": "/a", "message": "must be b"}]]}`

func (*Kiosk) Passed(context.Context) error { return web.Status(422, remote(refused)) }
func (*Kiosk) Lost(context.Context) error   { return remote(refused) }

func (*Kiosk) Sock(_ context.Context, item item) error { return nil }

// Values that break constraints are answered with 422 and all faults, regardless of where the
// values came from.
func TestValidation(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Kiosk))
	for _, test := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/shops/north/orders?a/tag=x", `{"items": [{"product": "tea", "quantity": 1}], "mail": "a@b"}`, 204, ""},
		{"POST", "/shops/west/orders?a/tag=x&a/tag=long", `{"items": [{"product": "tea", "quantity": 1}, {"note": "long", "product": "é", "quantity": 0}], "mail": ""}`, 422,
			`"errors":[{"in":"path","name":"shop","detail":"must be one of \"north\", \"south\"","pointer":"/shop"},` +
				`{"in":"body","name":"items","detail":"must have at least 2 characters","pointer":"/items/1/product"},` +
				`{"in":"body","name":"items","detail":"must be at least 1","pointer":"/items/1/quantity"},` +
				`{"in":"body","name":"items","detail":"must have at most 3 characters","pointer":"/items/1/note"},` +
				`{"in":"query","name":"a/tag","detail":"must have at most 2 characters","pointer":"/a~1tag/1"},` +
				`{"in":"body","name":"mail","detail":"must be an email address","pointer":"/mail"}]`},
		{"POST", "/shops/west/orders", `{"items": [{}]}`, 400, `{"in":"body","name":"items[0].product","detail":"is missing"}`},
		{"GET", "/orders", "", 204, ""},
		{"GET", "/orders?page=0", "", 422, `"errors":[{"in":"query","name":"page","detail":"must be at least 1","pointer":"/page"}]`},
		{"POST", "/passed", "", 422, `"errors":[{"name":"","detail":"must be b","pointer":"/a"}]`},
		{"POST", "/lost", "", 500, `"detail":"call `},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, p.url+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {jsonType}, "X-Tenant": {"t1"}, "Accept": {jsonType}}
		status, header, got := do(t, p, r)
		if status != test.status || !strings.Contains(got, test.want) || status > 400 && header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %s: got %d %v %s, want %d with %s", test.method, test.path, test.body, status, header, got, test.status, test.want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/orders?page=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, header, _ := do(t, p, r); header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %v for a client without a preference, want problem+json", header)
	}
	conn := p.socket(t)
	if got := ask(t, conn, asking("sock", `"item": {"product": "a", "quantity": 1}`, "c")); !strings.Contains(got, "/item/product must have at least 2 characters") {
		t.Errorf("got %s", got)
	}
}
