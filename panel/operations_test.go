package panel_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/transport"
)

// tabs are the paths of the pages about operations, by what they need.
var tabs = map[string]string{
	panel.SeeServices: "/operations/services",
	panel.SeeDead:     "/operations/dead",
}

// forge answers the fleet's questions as processes that say anything. answers are by their verbs.
func forge(t *testing.T, uri string, answers map[string][]map[string]any) {
	t.Helper()
	bodies := map[string][][]byte{}
	for verb, all := range answers {
		for _, a := range all {
			a["schema"] = "gomeko." + verb + "/v1"
			body, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			bodies[verb] = append(bodies[verb], body)
		}
	}
	ch := brokertest.Channel(t, uri)
	if err := ch.ExchangeDeclare(control.Exchange, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	questions := brokertest.Bind(t, ch, control.Exchange, "#")
	out := brokertest.Channel(t, uri)
	go func() {
		for q := range questions {
			verb, _, _ := strings.Cut(q.RoutingKey, ".")
			for _, body := range bodies[verb] {
				_ = out.PublishWithContext(t.Context(), "", q.ReplyTo, false, false, amqp.Publishing{CorrelationId: q.CorrelationId, Body: body})
			}
		}
	}()
}

// finally gets a page until it has a text: what processes say comes when they can.
func (b *browser) finally(path, text string) (p *page) {
	b.Helper()
	hosttest.Eventually(b.T, path+" has "+text, func() bool {
		p = b.get(path)
		return strings.Contains(p.text(), text)
	})
	return p
}

// harmless checks that a page has no payload that a browser would run.
func (p *page) harmless() *page {
	p.Helper()
	for _, raw := range []string{"<script>alert", "<img src=x", "' onmouseover='", `href="javascript:`, "<b>"} {
		if strings.Contains(p.body, raw) {
			p.Errorf("%s: has %s", p.Request.URL, raw)
		}
	}
	return p
}

// atMost checks the size of a page.
func (p *page) atMost(bytes int) *page {
	p.Helper()
	if len(p.body) > bytes {
		p.Errorf("%s: has %d bytes, want at most %d", p.Request.URL, len(p.body), bytes)
	}
	return p
}

// TestOperations checks who sees which pages about operations.
func TestOperations(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("root")
	s.user("eve")
	for i, group := range []string{"", "operations"} {
		name := fmt.Sprintf("user%d", i)
		if group == "" {
			s.user(name)
		} else {
			s.user(name, group)
		}
		b := s.as(name)
		b.get("/").want(http.StatusOK, "").lacks("Operations")
		b.get("/operations").want(http.StatusForbidden, "")
		for _, path := range tabs {
			b.get(path).want(http.StatusForbidden, "It needs the group operations")
		}
	}
	for group, path := range tabs {
		name := strings.ReplaceAll(strings.TrimPrefix(group, "operations/"), "/", "-")
		s.user(name, group)
		b := s.as(name)
		b.get("/").want(http.StatusOK, "Operations")
		b.get("/operations").leadsTo(path)
		admin := s.accounts.As(account.Actor{Name: "root"})
		if err := admin.Leave(t.Context(), name, "operations"); err != nil {
			t.Fatal(err)
		}
		b.get(path).want(http.StatusForbidden, "It needs the group operations, and you are not in it.")
	}
	s.browser().get("/operations").leadsTo("/login?next=%2Foperations")
}

// TestFleet shows services and their instances, on both brokers.
func TestFleet(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
		s.user("root")
		root := s.as("root")
		root.get("/operations/services").want(http.StatusOK, "No process answers")
		startStock(t, uri)
		root.get("/operations/services").want(http.StatusOK, "stock Instance Version Host Started Busy Calls/s Errors p99 ")
		root.get("/operations/services?q=STO").want(http.StatusOK, " 0 of ")
		root.get("/operations/services?q=nonsense").want(http.StatusOK, "Nothing is called “nonsense”")
	})
}

// TestForgedFleet shows answers of processes that try to get scripts into the page, and far too many
// services.
func TestForgedFleet(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	var many []map[string]any
	for i := range 2000 {
		many = append(many, map[string]any{"service": fmt.Sprintf("many-%05d", i), "workers": -1, "rows": []any{}})
	}
	all := []map[string]any{{"instance": "many", "services": []any{}, "answer": map[string]any{"services": many}}}
	for i, x := range payloads {
		all = append(all, map[string]any{
			"instance": fmt.Sprint(x, i), "services": []map[string]any{{"name": x, "version": x}},
			"answer": map[string]any{"host": x, "url": x, "services": []map[string]any{{"service": x, "workers": 1, "rows": []any{}}}},
		}, map[string]any{"instance": fmt.Sprint(x, "failed", i), "error": x})
	}
	for i := range 25 {
		all = append(all, map[string]any{"instance": fmt.Sprint("one of many ", i), "services": []any{}, "answer": map[string]any{"services": many[:1]}})
	}
	all = append(all, map[string]any{"instance": "odd", "services": []any{}, "answer": []int{1}})
	forge(t, uri, map[string][]map[string]any{"stats": all})
	s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
	s.user("root")
	root := s.as("root")
	root.finally("/operations/services", "onerror").harmless().atMost(200_000).want(http.StatusOK, "Some processes do not say how they are")
	p := root.finally("/operations/services?q=many", "6 more are not shown.").atMost(200_000)
	p.want(http.StatusOK, "Show more")
	p.lacks("many-00100")
	root.finally("/operations/services?q=many&after=many-00099", "many-00100")
	root.finally("/operations/services?q=many&after=many-01998", "many-01999").lacks("Show more")
	for _, x := range payloads {
		root.get("/operations/services?q=" + urlEscape(x) + "&after=" + urlEscape(x)).harmless()
	}
}
