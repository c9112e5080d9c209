package panel_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Till has methods that check more than their types say.
type Till struct {
	_ service.Name `service:"till" allow:"till"`

	Entrypoints struct {
		Place rpc.Method `rpc:"place(order, note='')" allow:"till"`
		Book  jobs.Job   `jobs:"book(order, note='')" allow:"till" confirm:"true"`
	}
}

// An Order is an argument that the till checks.
type Order struct {
	Lines []int  `json:"lines"`
	Buyer string `json:"buyer"`
}

func (*Till) Place(_ context.Context, o Order, note string) error { return o.check(note) }
func (*Till) Book(_ context.Context, o Order, note string) error  { return o.check(note) }

func (o *Order) check(note string) error {
	return &service.ValidationError{Faults: []service.Fault{
		{Message: "must not be sent on Sundays"},
		{Pointer: "/order/lines/1", Message: "must be in stock"},
		{Pointer: "/order/buyer", Message: "must be known: " + o.Buyer},
		{Pointer: "/" + note, Message: note},
	}}
}

// TestFaults runs a call and a job whose method rejects the arguments. The page of the run marks
// the faults, and the form to which it leads shows them at their fields.
func TestFaults(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		jobsStore := newStore(t, "sqlite")
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Till),
			service.Configure(fleet.Control(fleet.ControlConfig{})), service.Configure(jobs.Config{Store: jobsStore}))
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri}), Jobs: jobsStore}, nil, "")
		s.user("ann", "till", "till/till")
		s.panel.Refresh(t.Context())
		ann := s.as("ann")
		for _, row := range []string{"Place", "Book"} {
			path := "/services/till/" + row
			for _, x := range payloads[:3] {
				x = strings.ReplaceAll(x, "\x00", "")
				filled := "row:/order/lines=0&row:/order/lines=1&/order/lines/0=4&/order/lines/1=5&/order/buyer=" + url.QueryEscape(x) + "&/note=" + url.QueryEscape(x)
				answer := ann.post(path, filled)
				if row == "Book" {
					answer = ann.post(path, "sealed="+answer.want(http.StatusOK, "Run “Book”?").hidden("sealed"))
				}
				run := answer.started()
				p := ann.until(run, "Failed It took ").harmless().want(http.StatusOK, "The worker has refused the arguments must not be sent on Sundays /order/lines/1 must be in stock /order/buyer must be known: ")
				p.has(`class="faulty"><dt>order</dt>`).has(`<p class="fault">/order/lines/1 must be in stock</p>`).lacks("It ended with an error")
				again := path + "?again=" + strings.TrimPrefix(run, "/runs/")
				p.has(`href="` + again + `"`)
				form := ann.get(again).harmless().want(http.StatusOK, "The form must not be sent on Sundays").want(http.StatusOK, "Order, Lines 2: must be in stock")
				form.has(`id="f-order-lines-1:fault"`).has(`id="f-order-buyer:fault"`).has(`value="5"`)
			}
		}
	})
}
