package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Shop is a service with rows and fields of every kind.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Place  rpc.Method         `rpc:"place" timeout:"5s" max_workers:"4" doc:"Places an order."`
		Find   rpc.Method         `rpc:"find(text, *tags, limit=10, **options)"`
		Login  rpc.Method         `rpc:"login(user, password='hunter2', token=None)" sensitive:"password, token.parts[0]"`
		Show   web.Route          `web:"GET /orders/{id}"`
		Change web.Route          `web:"PUT /orders/{id}"`
		Lines  web.Route          `web:"GET /orders/{id}/lines"`
		Watch  web.SocketMethod   `web:"watch(id)"`
		Bill   messaging.Consumer `messaging:"bills" exchange:"shop" kind:"topic" key:"order.#"`
		Forget events.Handler     `events:"users.user_deleted"`
		Tell   events.Handler     `events:"users.changed" delivery:"broadcast" reliable:"false"`
		Sweep  timer.Interval     `timer:"1m"`
		Report timer.Cron         `timer:"30 2 * * *" tz:"Europe/Madrid" doc:"Every night."`
	}

	Users    Users
	Legacy   rpc.Client `rpc:"legacy"`
	Dispatch events.Dispatcher
	Bills    messaging.Publisher `messaging:"shop" kind:"topic" key:"order.paid" doc:"To the printer."`
}

// Users is a typed client.
type Users struct {
	_ rpc.Client `rpc:"users"`

	Get func(ctx context.Context, id int) (string, error) `rpc:"get_user(user_id)"`
}

type (
	// Order is an order.
	Order struct {
		ID     string        `json:"id" doc:"Chosen by the caller."`
		Lines  []Line        `json:"lines"`
		Price  codec.Decimal `json:"price,omitempty"`
		Placed time.Time     `json:"placed,omitzero"`
		Parent *Order        `json:"parent"`
		Secret string        `json:"secret" default:"'opensesame'" sensitive:"true"`
	}

	// A Line is a line of an order.
	Line struct {
		Product string `json:"product"`
		Count   uint16 `json:"count" default:"1"`
	}

	placing struct {
		Order Order             `json:"order" doc:"What to place."`
		Note  string            `json:"note" default:"''"`
		Pin   int               `json:"pin" default:"4711" sensitive:"true" doc:"Of the card."`
		Extra map[string][]Line `json:"extra,omitempty"`
	}

	changing struct {
		Lines []Line `json:"lines"`
		Force bool   `query:"force" json:"force" default:"False" doc:"Even if it is paid."`
	}

	token struct {
		Parts []string `json:"parts" default:"['swordfish']"`
	}
)

func (*Shop) Place(context.Context, placing) (*Order, error) { return nil, nil }
func (*Shop) Find(context.Context, string, []string, int, map[string]any) ([]Order, error) {
	return nil, nil
}
func (*Shop) Login(context.Context, string, string, *token) error          { return nil }
func (*Shop) Show(context.Context, string) (*Order, error)                 { return nil, nil }
func (*Shop) Change(context.Context, string, changing) error               { return nil }
func (*Shop) Lines(context.Context, int) (*web.Response, error)            { return nil, nil }
func (*Shop) Watch(context.Context, *web.Socket, int) error                { return nil }
func (*Shop) Bill(context.Context, Order) error                            { return nil }
func (*Shop) Forget(context.Context, events.Event, struct{ ID int }) error { return nil }
func (*Shop) Tell(context.Context, any) error                              { return nil }
func (*Shop) Sweep(context.Context) error                                  { return nil }
func (*Shop) Report(context.Context, timer.Tick) error                     { return nil }

// Docs implements service.Docs.
func (*Shop) Docs() service.Docs {
	return service.Docs{
		Text: "Shop sells things.\nIt never sleeps.",
		Rows: map[string]service.RowDocs{"Place": {
			Text:   "The order is placed once for each id.",
			Errors: []error{rpc.NewError("shop.SoldOut", "sold out").WithStatus(409), context.DeadlineExceeded},
		}},
		Events: map[string]any{"order_placed": Order{}, "closed": nil},
	}
}

// describe returns the documents of services.
func describe(t testing.TB, services ...any) []*contract.Document {
	t.Helper()
	c, err := service.New(service.Config{}, append(services, service.Defaults(transport.Config{URI: "amqp://127.0.0.1:1/"}, fleet.Timers()))...)
	if err != nil {
		t.Fatal(err)
	}
	return contract.Of(c.Host(), codec.JSON)
}

// The document of a service with rows and fields of every kind, as JSON and for people.
func TestDocument(t *testing.T) {
	t.Parallel()
	d := describe(t, new(Shop))[0]
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/shop.json", append(data, '\n'))
	for _, from := range []*contract.Document{d, decoded(t, data)} {
		var text bytes.Buffer
		if err := from.Print(&text); err != nil {
			t.Fatal(err)
		}
		golden.File(t, "testdata/shop.txt", text.Bytes())
	}
}

func decoded(t *testing.T, data []byte) *contract.Document {
	t.Helper()
	d := new(contract.Document)
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A document contains no secret: neither the default of a sensitive parameter nor that of a member
// in it.
func TestSecrets(t *testing.T) {
	t.Parallel()
	d := describe(t, new(Shop))[0]
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "4711", "opensesame", "swordfish"} {
		if bytes.Contains(data, []byte(secret)) || strings.Contains(text.String(), secret) {
			t.Errorf("%s is in the document", secret)
		}
	}
}

// One method is described by any of its names, with the types that it uses.
func TestOnly(t *testing.T) {
	t.Parallel()
	d := describe(t, new(Shop))[0]
	for _, name := range []string{"login", "Login"} {
		one, err := d.Only(name)
		if err != nil || len(one.Rows) != 1 || len(one.Uses) != 0 || len(one.Definitions) != 1 {
			t.Errorf("%s: got %+v, %v", name, one, err)
		}
	}
	for name, want := range map[string]string{
		"lgoin": "service shop has no method lgoin: did you mean login?",
		"x": "service shop has no method x: its methods are Report, Sweep, bill, change, find, forget, lines, login, place, show, " +
			"tell, watch",
	} {
		if _, err := d.Only(name); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if _, err := new(contract.Document).Only("x"); err == nil || !strings.HasSuffix(err.Error(), "it has none") {
		t.Errorf("got %v", err)
	}
}

// A document from another process cannot control the terminal.
func TestPrintHostile(t *testing.T) {
	t.Parallel()
	d := describe(t, new(Shop))[0]
	evil := "\x1b[2Jevil\n\ttab\u202e"
	d.Service, d.Doc, d.Rows[0].Signature, d.Rows[0].Parameters[0].Doc = evil, evil, evil, evil
	d.Uses[0].Uses = map[string]any{evil: []any{evil}}
	d.Rows[0].Result = &codec.Schema{Ref: "#/$defs/%zz" + evil}
	d.Rows[0].Parameters[1].Schema = nil
	d.Rows[0].Parameters[2].Schema = &codec.Schema{Type: []string{"array", "object"}, AnyOf: []*codec.Schema{nil}}
	d.Definitions[evil] = nil
	d.Definitions["x"] = &codec.Schema{Type: []string{"object"}, Properties: codec.Properties{{Name: evil}}}
	if _, err := d.Only("place"); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.Print(&text); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexAny(text.String(), "\x1b\u202e\t"); i >= 0 {
		t.Errorf("got %q", text.String()[max(0, i-20):])
	}
}

// BenchmarkDocument measures how long it takes to make a document.
func BenchmarkDocument(b *testing.B) {
	c, err := service.New(service.Config{}, new(Shop), service.Defaults(transport.Config{URI: "amqp://127.0.0.1:1/"}, fleet.Timers()))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		contract.Of(c.Host(), codec.JSON)
	}
}
