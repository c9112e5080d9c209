package panel_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
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

// tabs are the paths of the pages about operations, by the group that they require.
var tabs = map[string]string{
	panel.SeeServices: "/operations/services",
	panel.SeeDead:     "/operations/dead",

	panel.SeeHealth:        "/operations/health",
	panel.SeeQueues:        "/operations/queues",
	panel.SeeTimers:        "/operations/timers",
	panel.SeeJobs:          "/operations/jobs",
	panel.SeeResources:     "/operations/resources",
	panel.SeeAudit:         "/operations/audit",
	panel.SeeConfiguration: "/operations/configuration",
}

// forge answers queries to the fleet, in place of processes, with arbitrary answers by verb.
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

// finally gets a page until it contains a text, because processes answer when they can.
func (b *browser) finally(path, text string) (p *page) {
	b.Helper()
	hosttest.Eventually(b.T, path+" has "+text, func() bool {
		p = b.get(path)
		return strings.Contains(p.text(), text)
	})
	return p
}

// harmless checks that a page contains no payload that a browser would run.
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

// TestOperations checks which users see which pages about operations.
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

// TestForgedFleet shows answers of processes that try to inject scripts into the page, and far too
// many services.
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

var following = regexp.MustCompile(`<a class="button" href="([^"]*)">Show more`)

// next returns the path of the next page of a list, or "" if there is none.
func (p *page) next() string {
	m := following.FindStringSubmatch(p.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// TestQueues shows queues with messages and consumers, on both brokers.
func TestQueues(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		ch := brokertest.Channel(t, uri)
		var names []string
		for i := range 105 {
			names = append(names, fmt.Sprintf("queue-%03d", i))
		}
		forge(t, uri, map[string][]map[string]any{"info": {{"instance": "one", "services": []any{}, "answer": map[string]any{"queues": append(names, payloads[0], "missing")}}}})
		for _, name := range append(names[:3:3], payloads[0]) {
			if _, err := ch.QueueDeclare(name, false, true, false, false, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := ch.PublishWithContext(t.Context(), "", "queue-001", true, false, amqp.Publishing{}); err != nil {
			t.Fatal(err)
		}
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
		s.user("viewer", "operations/queues")
		viewer := s.as("viewer")
		p := viewer.finally("/operations/queues", "queue-001 1 none").harmless()
		p.want(http.StatusOK, "queue-000 0 0").want(http.StatusOK, "queue-050 the broker does not have it").lacks("queue-104")
		viewer.finally(p.next(), "queue-104").lacks("Show more")
		viewer.finally("/operations/queues?q=script", payloads[0]+" 0 0").harmless()
		viewer.finally("/operations/queues?q=nonsense", "Nothing is called “nonsense”")
	})
}

// TestHealth shows the health of processes.
func TestHealth(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		startStock(t, uri)
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
		s.user("root")
		s.as("root").finally("/operations/health", "All processes are well. Search Process Services State What is wrong").want(http.StatusOK, "stock well")
	})
}

// TestForgedHealth shows unhealthy processes, far too many of them, with texts that try to inject
// scripts into the page.
func TestForgedHealth(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	var checks []map[string]any
	for i := range 500 {
		checks = append(checks, map[string]any{"name": payloads[i%len(payloads)], "failing": true, "error": strings.Repeat("<b>", 50)})
	}
	x := payloads[0]
	paused := []map[string]any{{"service": x, "row": x, "reasons": []string{x}}}
	forge(t, uri, map[string][]map[string]any{"health": {
		{"instance": "well", "services": []map[string]any{{"name": "fine"}}, "answer": map[string]any{"ready": true}},
		{"instance": x, "services": []map[string]any{{"name": x}}, "answer": map[string]any{"reason": x, "checks": checks[:10], "paused": paused}},
		{"instance": "many", "services": []any{}, "answer": map[string]any{"ready": true, "checks": checks}},
		{"instance": "silent", "services": []any{}, "error": x},
		{"instance": "odd", "services": []any{}, "answer": []int{1}},
	}})
	s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
	s.user("root")
	p := s.as("root").finally("/operations/health", "4 of 5 processes are not well.").harmless().atMost(500_000)
	p.want(http.StatusOK, "Its answer cannot be read.").want(http.StatusOK, "is paused: <script>").want(http.StatusOK, "well fine well")
}

// A secretText is a configuration with a secret that is not masked.
type secretText struct{}

func (secretText) String() string { return "AMQP_URI: amqp://shop:hunter2@rabbit/\n" + payloads[0] }

// TestConfiguration shows the configuration without secrets.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{Configuration: secretText{}}, nil, "")
	s.user("root")
	s.as("root").get("/operations/configuration").harmless().want(http.StatusOK, "amqp://shop:**@rabbit/").lacks("hunter2")
	s = newStage(t, panel.Config{}, nil, "")
	s.user("root")
	s.as("root").get("/operations/configuration").want(http.StatusOK, "No configuration")
}

// TestAudit searches the audit trail, on both databases.
func TestAudit(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db *sql.DB, dialect account.Dialect) {
		s := newStage(t, panel.Config{}, db, dialect)
		s.user("viewer", "operations/audit")
		for i := range 250 {
			x := payloads[i%len(payloads)]
			e := account.Entry{Action: "run.start", Object: fmt.Sprint(x, i), Details: map[string]any{x: x}, Failed: x + strings.Repeat("x", 5000)}
			if err := s.accounts.As(account.Actor{Name: x, Address: x}).Record(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		viewer := s.as("viewer")
		pages := 0
		for path := "/operations/audit?action=run.start"; path != ""; pages++ {
			path = viewer.get(path).harmless().atMost(700_000).next()
		}
		if pages != 3 {
			t.Errorf("%d pages, want 3", pages)
		}
		viewer.get("/operations/audit?action=login&actor=viewer").want(http.StatusOK, "viewer 127.0.0.1 login viewer done")
		viewer.get("/operations/audit?object="+urlEscape(payloads[0]+"0")).harmless().want(http.StatusOK, "refused or failed")
		viewer.get("/operations/audit?actor=nobody").want(http.StatusOK, "Nothing was found")
		viewer.get("/operations/audit?since=2999-01-01").want(http.StatusOK, "Nothing was found")
		viewer.get("/operations/audit?since="+urlEscape(payloads[1])).harmless().want(http.StatusOK, "Since must be a date")
	})
}
