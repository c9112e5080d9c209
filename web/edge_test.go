package web_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

//go:embed testdata/static
var static embed.FS

// Site has routes, files and another handler.
type Site struct {
	_ service.Name `service:"site"`

	Entrypoints struct {
		Greet web.Route `web:"GET /greet/{name}"`
		Login web.Route `web:"POST /login" sensitive:"password"`
		Reset web.Route `web:"POST /reset/{token}" sensitive:"token"`
	}

	Static web.Mount `web:"GET /static/"`
	Legacy web.Mount `web:"/legacy/"`
}

func (*Site) Greet(_ context.Context, name string) (string, error) {
	if name == "nobody" {
		return "", &web.Error{Status: http.StatusTeapot, Type: "Nobody", Message: "there is nobody"}
	}
	return "Hello, " + name + "!", nil
}

// Credentials are the parameters of a login.
type Credentials struct {
	User     int    `json:"user"`
	Password string `json:"password"`
}

func (*Site) Login(context.Context, Credentials) error { return nil }
func (*Site) Reset(context.Context, string) error      { return nil }

func newSite(t testing.TB) *Site {
	t.Helper()
	files, err := fs.Sub(static, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return &Site{
		Static: web.Mount{Handler: http.FileServerFS(files)},
		Legacy: web.Mount{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, "gone", http.StatusGone) })},
	}
}

// A parameter may contain any text, even a lone slash. A sensitive one is not logged.
func TestEscapedPath(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, newSite(t))
	for path, want := range map[string]string{
		"/greet/%2F": "Hello, /!", "/greet/%2f": "Hello, /!", "/greet/a%2Fb": "Hello, a/b!", "/greet/%C3%BC": "Hello, ü!",
		"/greet/%252F": "Hello, %2F!", "/greet/%2F%2F": "Hello, //!",
	} {
		if status, _, text := request(t, p, "GET", path, "", ""); status != http.StatusOK || text != want {
			t.Errorf("%s: got %d %q, want %q", path, status, text, want)
		}
	}
	if status, _, text := request(t, p, "POST", "/reset/%2F", "", ""); status != http.StatusNoContent && status != http.StatusOK {
		t.Errorf("got %d %s, want success", status, text)
	}
	if lines := p.Log.Lines("request", `path="POST /reset/{token}" status=204`); len(lines) != 1 {
		t.Errorf("got %q, want one line with the pattern alone", lines)
	}
}

func TestMount(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, newSite(t))
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/static/page.html", 200, "<!doctype html>\n<title>Shop</title>\n"},
		{"/static/none.html", 404, "404 page not found\n"},
		{"/legacy/x", 410, "gone\n"},
		{"/greet/Ana", 200, "Hello, Ana!"},
	} {
		if status, _, text := request(t, p, "GET", c.path, "", ""); status != c.status || text != c.want {
			t.Errorf("%s: got %d %q, want %d %q", c.path, status, text, c.status, c.want)
		}
	}
	// The mount's handler only receives the requests that match its pattern.
	if status, header, _ := request(t, p, "POST", "/static/page.html", "", ""); status != 405 || header.Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d, %q, want 405 and what is allowed", status, header.Get("Allow"))
	}
}

// A service that only has mounts serves them.
func TestMountAlone(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, &Files{Static: web.Mount{Handler: http.NotFoundHandler()}})
	if status, _, _ := request(t, p, "GET", "/", "", ""); status != 404 {
		t.Errorf("got %d, want 404", status)
	}
}

// Files has a mount and no entrypoints.
type Files struct {
	_ service.Name `service:"files"`

	Static web.Mount `web:"/"`
}

// A client without a preference receives errors that Nameko has as Nameko's line, unless it uses
// fetch, and other errors as problem+json.
func TestErrorsWithoutPreference(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, newSite(t), new(Shop))
	for _, test := range []struct {
		path, accept, fetch string
		json                bool
	}{
		{"/greet/nobody", "*/*", "", false},
		{"/greet/nobody", "", "", false},
		{"/greet/nobody", "*/*", "cors", true},
		{"/greet/nobody", "text/html, */*;q=0.8", "navigate", false},
		{"/greet/nobody", "text/plain", "cors", false},
		{"/none", "*/*", "", false},
		{"/none", "*/*", "same-origin", true},
		{"/things?name=x", "*/*", "", true}, // without a parameter
		{"/things?name=x", "", "", true},
		{"/things?name=x", "text/html, */*;q=0.8", "", false},
		{"/things?name=x", "text/plain;q=0.5, application/json;q=0.4", "", false},
		{"/things?name=x", "text/*", "cors", false},
	} {
		answer := p.get(t, test.path, "Accept", test.accept, "Sec-Fetch-Mode", test.fetch)
		if got := answer.Header.Get("Content-Type") == "application/problem+json"; got != test.json {
			t.Errorf("%+v: got %s", test, answer.Header.Get("Content-Type"))
		}
	}
}

// A client that accepts JSON receives errors as problem+json. Hooks.Errors replaces it for all
// clients.
func TestErrorForms(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, newSite(t), new(Shop))
	for accept, want := range map[string]string{
		"application/json":                          jsonProblem,
		"text/html, application/problem+json;q=0.9": jsonProblem,
		"application/json;q=0, */*":                 "Error: Nobody: there is nobody\n",
		"":                                          "Error: Nobody: there is nobody\n",
	} {
		answer := p.get(t, "/greet/nobody", "Accept", accept)
		text, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusTeapot || string(text) != want || err != nil {
			t.Errorf("%s: got %s %s, %v, want %s", accept, answer.Status, text, err, want)
		}
		if problem := strings.HasPrefix(want, "{"); problem != (answer.Header.Get("Content-Type") == "application/problem+json") {
			t.Errorf("%s: got the type %s", accept, answer.Header.Get("Content-Type"))
		}
	}
	answer := p.get(t, "/things?name=x", "Accept", "application/json")
	if text, _ := io.ReadAll(answer.Body); string(text) != `{"type":"about:blank","title":"Bad Request","status":400,"detail":"query id: is missing",`+
		`"error":"BadRequest","errors":[{"in":"query","name":"id","detail":"is missing"}]}` {
		t.Errorf("got %s", text)
	}
	hook := web.Hooks{Errors: func(w http.ResponseWriter, _ *http.Request, e *web.Error) {
		w.WriteHeader(e.HTTPStatus())
		_, _ = io.WriteString(w, "<h1>"+e.Error()+"</h1>")
	}}
	p = startConfigured(t, service.Config{}, web.Config{}, newSite(t), service.Configure(hook))
	for path, want := range map[string]string{"/greet/nobody": "<h1>Nobody: there is nobody</h1>", "/none": "<h1>NotFound: nothing is at this path</h1>"} {
		if _, _, text := request(t, p, "GET", path, "", ""); text != want {
			t.Errorf("%s: got %s, want %s", path, text, want)
		}
	}
}

// Polite writes the errors of its routes itself: those of one row in another way, and one error as
// usual.
type Polite struct {
	_ service.Name `service:"polite"`

	Entrypoints struct {
		One web.Route `web:"GET /one/{status}" method:"Fail"`
		Two web.Route `web:"GET /two/{status}" method:"Fail"`
	}

	Errors web.Errors
	OfTwo  web.Errors `rows:"Two"`
}

func (*Polite) Fail(_ context.Context, status int) error {
	return web.Status(status, errors.New("refused"))
}

// An Errors field writes the errors of its service or of its rows. Hooks.Errors writes all others.
func TestErrorsField(t *testing.T) {
	t.Parallel()
	writer := func(prefix string) web.Errors {
		return func(w http.ResponseWriter, r *http.Request, e *web.Error) {
			if e.Status == http.StatusConflict {
				e.Send(w, r)
				return
			}
			w.WriteHeader(e.Status)
			fmt.Fprint(w, prefix, " ", e.Err)
		}
	}
	p := start(t, web.Config{}, newSite(t), &Polite{Errors: writer("service"), OfTwo: writer("row")}, service.Configure(web.Hooks{Errors: writer("process")}))
	for path, want := range map[string]string{
		"/one/410":      "service refused",
		"/two/410":      "row refused",
		"/two/409":      "Error: Conflict: refused\n",
		"/two/x":        "row <nil>",
		"/greet/nobody": "process <nil>",
		"/none":         "process <nil>",
	} {
		if _, _, text := request(t, p, "GET", path, "", ""); text != want {
			t.Errorf("%s: got %q, want %q", path, text, want)
		}
	}
	_, err := service.New(service.Config{}, new(Rude))
	if want := "service rude: None: has no function: set it where the service is made, None: writeError\n" +
		"service rude: Odd: has no function: set it where the service is made, Odd: writeError"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = service.New(service.Config{}, &Rude{None: writer(""), Odd: writer("")})
	if want := "service rude: Odd: rows names Gone, which is not a web.Route of the service"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Rude has mistakes in its Errors fields.
type Rude struct {
	_ service.Name `service:"rude"`

	Entrypoints struct {
		Fail web.Route `web:"GET /fail"`
	}

	None web.Errors
	Odd  web.Errors `rows:"Fail, Gone"`
}

func (*Rude) Fail(context.Context) error { return nil }

const jsonProblem = `{"type":"about:blank","title":"I'm a teapot","status":418,"detail":"there is nobody","error":"Nobody"}`

// Middleware wraps all requests, the first one outermost, even if it replaces the ResponseWriter.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	add := func(name string) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("X-Through", name)
				next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		}
	}
	hooks := web.Hooks{Middleware: []func(http.Handler) http.Handler{add("a"), add("b")}}
	p := startConfigured(t, service.Config{}, web.Config{}, newSite(t), service.Configure(hooks))
	for path, want := range map[string]int{"/greet/x": 200, "/static/page.html": 200, "/none": 404} {
		status, header, _ := request(t, p, "GET", path, "", "")
		if status != want || strings.Join(header["X-Through"], "") != "ab" {
			t.Errorf("%s: got %d through %q, want %d through a, b", path, status, header["X-Through"], want)
		}
	}
}

// The access log contains every request and no secrets.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	for _, hooks := range []web.Hooks{{}, {Middleware: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(struct{ http.ResponseWriter }{w}, r) })
	}}}} {
		p := startConfigured(t, service.Config{}, web.Config{}, newSite(t), service.Configure(hooks))
		request(t, p, "GET", "/greet/Ana?page=2&access_token=s3cret&Api%2DKey=s3cret", "", "")
		request(t, p, "POST", "/reset/s3cret", "", "")
		status, _, text := request(t, p, "POST", "/login", jsonType, `{"user": "s3cret", "password": "s3cret"}`)
		if status != 400 || strings.Contains(text, "s3cret") {
			t.Errorf("got %d %s", status, text)
		}
		log := p.Log.String()
		for _, want := range []string{
			`path="/greet/Ana?page=2&access_token=********&Api%2DKey=********" status=200`, `path="POST /reset/{token}" status=204`,
			`method=POST path="POST /login" status=400`,
		} {
			if !strings.Contains(log, want) {
				t.Errorf("the log has no %s:\n%s", want, log)
			}
		}
		if strings.Contains(log, "s3cret") {
			t.Errorf("the log has a secret:\n%s", log)
		}
	}
}

// Clients use HTTP/1.1, HTTP/2 over TLS, or HTTP/2 without TLS if h2c is enabled.
func TestProtocols(t *testing.T) {
	t.Parallel()
	made := httptest.NewUnstartedServer(nil) // for its certificate
	made.StartTLS()
	defer made.Close()
	pool := x509.NewCertPool()
	pool.AddCert(made.Certificate())
	https := web.Config{TLS: &tls.Config{Certificates: made.TLS.Certificates}}
	for name, c := range map[string]struct {
		cfg          web.Config
		http1, http2 bool // protocols of the client
		want         string
	}{
		"http":    {web.Config{}, true, false, "HTTP/1.1"},
		"h2c":     {web.Config{H2C: true}, false, true, "HTTP/2.0"},
		"both":    {web.Config{H2C: true}, true, false, "HTTP/1.1"},
		"https":   {https, true, false, "HTTP/1.1"},
		"https 2": {https, true, true, "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c.cfg, newSite(t))
			protocols := new(http.Protocols)
			protocols.SetHTTP1(c.http1)
			protocols.SetHTTP2(c.http2 && c.cfg.TLS != nil)
			protocols.SetUnencryptedHTTP2(c.http2 && c.cfg.TLS == nil)
			p.client = &http.Client{Transport: &http.Transport{Protocols: protocols, TLSClientConfig: &tls.Config{RootCAs: pool}}}
			t.Cleanup(p.client.CloseIdleConnections)
			if c.cfg.TLS != nil {
				p.url = "https" + strings.TrimPrefix(p.url, "http")
			}
			answer := p.get(t, "/greet/Ana")
			text, err := io.ReadAll(answer.Body)
			if string(text) != "Hello, Ana!" || err != nil || answer.Proto != c.want {
				t.Errorf("got %q, %v by %s, want %s", text, err, answer.Proto, c.want)
			}
		})
	}
}

// A renewed certificate is used for new connections, without a restart.
func TestRenewedCertificate(t *testing.T) {
	t.Parallel()
	ca, other := brokertest.NewCA(t, "ca"), brokertest.NewCA(t, "other")
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cert, key := other.Issue(t, "old", "127.0.0.1")
	p := start(t, web.Config{TLSCert: cert, TLSKey: key}, newSite(t))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	get := func() error {
		answer, err := client.Get("https" + strings.TrimPrefix(p.url, "http") + "/greet/Ana")
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	if err := get(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want that the old certificate is not trusted", err)
	}
	newCert, newKey := ca.Issue(t, "new", "127.0.0.1")
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	hosttest.Eventually(t, "the new certificate is used", func() bool { return get() == nil })
}

// Wrong contains every mistake.
type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		Empty    web.Route `web:""`
		NoSlash  web.Route `web:"GET orders"`
		Lower    web.Route `web:"get /lower"`
		Twice    web.Route `web:"GET /twice" methd:"X"`
		Again    web.Route `web:"GET /twice" method:"Twice"`
		Missing  web.Route `web:"GET /missing/{id}"`
		Few      web.Route `web:"GET /few/{a}/{b}"`
		Map      web.Route `web:"GET /map/{a}"`
		Fields   web.Route `web:"GET /fields/{id}"`
		Unfilled web.Route `web:"GET /unfilled/{id}/{name}"`
		Shape    web.Route `web:"GET /shape"`
		Flask    web.Route `web:"GET /flask/<int:id>"`
		Several  web.Route `web:"GET,PUT /several"`
		Gin      web.Route `web:"GET /gin/:id/*path"`
		Typed    web.Route `web:"POST /typed/{at}"`
		Writes   web.Route `web:"POST /writes"`
	}

	Mount  web.Mount `web:"/mount"`
	Mounts web.Mount `web:"/mounts/" prefix:"x"`
}

func (*Wrong) Empty(context.Context) error                  { return nil }
func (*Wrong) NoSlash(context.Context) error                { return nil }
func (*Wrong) Lower(context.Context) error                  { return nil }
func (*Wrong) Twice(context.Context) error                  { return nil }
func (*Wrong) Few(context.Context, string) error            { return nil }
func (*Wrong) Map(context.Context, map[string]string) error { return nil }
func (*Wrong) Flask(context.Context, int) error             { return nil }
func (*Wrong) Several(context.Context) error                { return nil }
func (*Wrong) Gin(context.Context, int, string) error       { return nil }
func (*Wrong) Writes(context.Context, struct{ Err error }) (map[struct{}]int, error) {
	return nil, nil
}
func (*Wrong) Typed(context.Context, time.Time, struct {
	Done  []chan int
	Until time.Time `query:"until"`
}) (struct{ Hook func() }, error) {
	return struct{ Hook func() }{}, nil
}
func (*Wrong) Shape(http.ResponseWriter, *http.Request) error   { return nil }
func (*Wrong) Unfilled(context.Context, struct{ ID int }) error { return nil }
func (*Wrong) Fields(context.Context, struct {
	ID    int            `json:"id" path:"id" query:"id"`
	Other string         `path:"other"`
	Map   map[string]int `header:"X-Map"`
	Empty string         `query:""`
}) error {
	return nil
}

// Conflict contains no mistake on its own.
type Conflict struct {
	_ service.Name `service:"conflict"`

	Entrypoints struct {
		ByID   web.Route `web:"GET /orders/{id}"`
		ByName web.Route `web:"GET /orders/{name}" method:"ByID"`
	}
}

func (*Conflict) ByID(context.Context, string) error { return nil }

// All mistakes are reported at once, each with its remedy.
func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Wrong), new(Conflict), service.Configure(web.Config{}))
	golden.File(t, "testdata/mistakes.txt", []byte(err.Error()+"\n"))
	_, err = service.New(service.Config{}, new(Pinged), service.Configure(web.Config{ReadTimeout: -1}), service.Configure(web.Hooks{}))
	if err == nil || !strings.Contains(err.Error(), "leave it 0") {
		t.Errorf("got %v, want a mistake of the configuration", err)
	}
}
