package panel_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Stock has rows for users of different groups.
type Stock struct {
	_ service.Name `service:"stock" allow:"panel/stock"`

	Entrypoints struct {
		UpdatePrices rpc.Method `rpc:"update_prices(test_only=False)" allow:"prices" doc:"Reads the prices."`
		Report       rpc.Method `rpc:"report(month)" allow:"/reports"`
		Internal     rpc.Method `rpc:"internal"`
	}
}

func (*Stock) UpdatePrices(context.Context, bool) error               { return nil }
func (*Stock) Report(_ context.Context, month string) (string, error) { return "of " + month, nil }
func (*Stock) Internal(context.Context) error                         { return nil }

// Docs has a title and texts.
func (*Stock) Docs() service.Docs {
	return service.Docs{Text: "What is on the shelves.", Rows: map[string]service.RowDocs{"Report": {Title: "What was sold"}}}
}

// startStock starts the service, together with the parts that describe it to the panel.
func startStock(t *testing.T, uri string) *hosttest.Host {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Stock), service.Configure(fleet.Control(fleet.ControlConfig{})))
}

// TestServices shows users of different groups what they may run, on both brokers.
func TestServices(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		host := startStock(t, uri)
		s := newStage(t, panel.Config{Broker: hosttest.Dial(t, transport.Config{URI: uri})}, nil, "")
		s.user("ann", "panel/stock/prices")
		s.user("bob", "reports")
		s.user("eve")
		s.user("root")
		s.panel.Refresh(t.Context())

		ann := s.as("ann")
		home := ann.get("/").want(http.StatusOK, "stock 1 process What is on the shelves. Update prices Reads the prices.")
		home.want(http.StatusOK, "1 that you may not run What was sold needs the group reports")
		home.lacks("Internal")
		ann.get("/?q=PRICES").want(http.StatusOK, "Update prices").lacks("What was sold")
		ann.get("/?q=nonsense").want(http.StatusOK, "Nothing is called “nonsense”")
		ann.get("/services/stock/UpdatePrices").want(http.StatusOK, "Update prices Reads the prices.")
		const forbidden = "It needs the group reports, and you are not in it."
		ann.get("/services/stock/Report").want(http.StatusForbidden, forbidden)
		for _, nothing := range []string{"Internal", "Nothing", "..%2F..%2Fetc%2Fpasswd", "%2e%2e%2f", "%2F"} {
			ann.get("/services/stock/"+nothing).want(http.StatusNotFound, "")
		}
		ann.get("/services/nothing/Report").want(http.StatusNotFound, "There is no such page")

		s.as("bob").get("/services/stock/UpdatePrices").want(http.StatusForbidden, "It needs the group panel, ")
		s.as("eve").get("/").want(http.StatusOK, "2 that you may not run")
		s.as("root").get("/services/stock/Report").want(http.StatusOK, "What was sold")

		// The panel knows the service after the end of its last process, and after a restart of the
		// panel.
		hosttest.Close(t, host.Stop)
		s.panel.Refresh(t.Context())
		s.panel.Forget()
		ann.get("/").want(http.StatusOK, "stock Not running since ")
		_, s.url = s.serve(panel.Config{Accounts: s.accounts, DB: s.db})
		s.as("ann").get("/services/stock/UpdatePrices").want(http.StatusOK, "No process of stock has answered since ")
	})
}

// remember writes a description into the database, as if a service had answered.
func (s *stage) remember(d *contract.Document) {
	s.Helper()
	text, err := json.Marshal(d)
	if err == nil {
		_, err = s.db.ExecContext(s.Context(), `INSERT INTO gomeko_panel_service (name, description, seen_at) VALUES ($1, $2, $3)`, d.Service, string(text), time.Now().UnixMicro())
	}
	if err != nil {
		s.Fatal(err)
	}
}

// urlEscape escapes a part of a path or a query.
func urlEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// payloads would run as scripts if a page did not escape them.
var payloads = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`,
	`</textarea><script>alert(1)</script>`, `{{.Panel}}`, "\u202e\u0000<b>",
}

// TestEscapes shows descriptions that try to inject scripts into the pages.
func TestEscapes(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("root")
	root := s.as("root")
	for _, x := range payloads {
		s.remember(&contract.Document{Service: x, Doc: x, Rows: []contract.Row{{Name: x, Method: x, Kind: "rpc", Signature: x, Title: x, Doc: x, Text: x, Allow: x, Call: x}}})
		_, s.url = s.serve(panel.Config{Accounts: s.accounts, DB: s.db, Title: x})
		b := root.at(s.url)
		for _, path := range []string{"/", "/?q=" + urlEscape(x), "/services/" + urlEscape(x) + "/" + urlEscape(x), "/login?next=/" + urlEscape(x)} {
			p := b.get(path)
			for _, raw := range []string{"<script>alert", "<img src=x", "' onmouseover='", `href="javascript:`, "<b>"} {
				if strings.Contains(p.body, raw) {
					t.Errorf("%s: has %s", path, raw)
				}
			}
		}
	}
}

// TestTemplates replaces a template.
func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{Templates: fstest.MapFS{"error.html": {Data: []byte(`{{define "content"}}Ask Julio about {{.Page.Status}}{{end}}`)}}}, nil, "")
	s.user("ann")
	s.as("ann").get("/nothing").want(http.StatusNotFound, "Ask Julio about 404")
	for want, templates := range map[string]fstest.MapFS{
		"panel.Config: Templates: the panel has no template nothing.html to replace": {"nothing.html": {}},
		"panel.Config: Templates: template: home.html:1: unclosed action":            {"home.html": {Data: []byte("{{")}},
	} {
		_, err := panel.New(t.Context(), panel.Config{Accounts: s.accounts, DB: s.db, Broker: s.broker, Templates: templates})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestMistakes checks the errors of a configuration.
func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := panel.New(t.Context(), panel.Config{URL: "panel.example.org", Idle: -1})
	const want = "panel.Config: Accounts: must be set: open them with account.Open\n" +
		"panel.Config: DB: must be set: the database of the accounts\n" +
		"panel.Config: Broker: must be set: dial it with transport.Dial\n" +
		"panel.Config: URL: must be the address of a host without a path, as in https://panel.example.org\n" +
		"panel.Config: Idle and Lifetime: must not be negative"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestAway checks that a page says that the database or the broker is unreachable.
func TestAway(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	s.user("ann")
	ann := s.as("ann")
	s.db.Close()
	p := ann.get("/").want(http.StatusServiceUnavailable, "The database is away")
	if p.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.browser().post("/login", "name=ann&password=x").want(http.StatusServiceUnavailable, "The database is away")
}

// TestWords splits names of rows.
func TestWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Update": "Update", "UpdatePrices": "Update prices", "ImportCSV": "Import csv", "Größe": "Größe"} {
		if got := panel.Words(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestAssets checks that assets are served only with a hash in their path.
func TestAssets(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	b := s.browser()
	body := b.get("/login").body
	_, path, _ := strings.Cut(body, `<link rel="stylesheet" href="`)
	path, _, _ = strings.Cut(path, `"`)
	p := b.get(path).want(http.StatusOK, "--ground")
	if got := p.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") || !strings.HasPrefix(p.Header.Get("Content-Type"), "text/css") {
		t.Errorf("headers of an asset: %v", p.Header)
	}
	for _, wrong := range []string{"/assets/panel.css", "/assets/0000000000000000/panel.css", "/assets/", "/assets/../panel.go", "/assets/x/..%2f..%2fpanel.go"} {
		if p := b.get(wrong); p.StatusCode != http.StatusNotFound && p.StatusCode != http.StatusTemporaryRedirect && p.StatusCode != http.StatusMovedPermanently && p.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %d", wrong, p.StatusCode)
		}
	}
}
