package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/admin"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Depot is a service without routes and without a broker.
type Depot struct {
	_ service.Name `service:"depot"`
}

var serve = service.Configure[service.Extension](admin.Serve)

// open creates a container, without starting it, and opens its admin address.
func open(t *testing.T, address string, opts ...any) (*hosttest.Host, *admin.Server, error) {
	t.Helper()
	return openWith(t, service.Config{}, address, opts...)
}

// openWith is like open, with a configuration for the container.
func openWith(t *testing.T, cfg service.Config, address string, opts ...any) (*hosttest.Host, *admin.Server, error) {
	t.Helper()
	h, err := hosttest.New(t, hosttest.Config{Service: cfg}, append([]any{new(Depot), serve}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := admin.Listen(t.Context(), admin.Config{Address: address}, h.Host())
	if err == nil {
		t.Cleanup(func() { hosttest.Close(t, s.Close) })
	}
	return h, s, err
}

// get asks the server for a path.
func get(t *testing.T, s *admin.Server, path string, header ...string) (status int, text string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, s.Addr().Network(), s.Addr().String())
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// The address answers before the container starts, while it runs, and after it has stopped.
func TestServer(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") })
	h, s, err := open(t, "127.0.0.1:0", service.Configure(admin.Handler{Pattern: "GET /metrics", Handler: metrics}))
	if err != nil {
		t.Fatal(err)
	}
	expect := func(path string, status int, text string) {
		t.Helper()
		if gotStatus, got := get(t, s, path); gotStatus != status || got != text {
			t.Errorf("%s: got %d %q, want %d %q", path, gotStatus, got, status, text)
		}
	}
	expect("/live", 200, "live\n")
	expect("/ready", 503, "starting\n")
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect("/ready", 200, "ready\n")
	expect("/metrics", 200, "up 1\n")
	if _, text := get(t, s, "/"); !strings.HasPrefix(text, "GET /\n") || !strings.Contains(text, "GET /ready\n") || !strings.Contains(text, "GET /metrics\n") {
		t.Errorf("/: got %q, want the paths", text)
	}
	if status, _ := get(t, s, "/nowhere"); status != 404 {
		t.Errorf("/nowhere: got %d, want 404", status)
	}
	hosttest.Close(t, h.Stop)
	expect("/live", 200, "live\n")
	expect("/ready", 503, "stopping\n")
}

// A dependency's error is shown with secrets masked. Running calls are listed.
func TestHealthAndDump(t *testing.T) {
	t.Parallel()
	shelf := new(hosttest.Dependency)
	shelf.Set(errors.New("dial postgres://app:hunter2@db/app: refused"))
	yard := &Yard{Shelf: shelf, Begun: make(chan struct{}), End: make(chan struct{})}
	h, s, err := openWith(t, service.Config{HealthInterval: 20 * time.Millisecond}, "127.0.0.1:0", yard)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	hosttest.Eventually(t, "it fails", func() bool { return h.Host().Health()[0].Failing })
	<-yard.Begun
	defer close(yard.End)
	_, text := get(t, s, "/health")
	for _, want := range []string{`"schema": "gomeko.health/v1"`, `"ready": false`, `"reason": "hosttest.Dependency has been failing`,
		`"failing": true`, `"services": [`, "dial postgres://app:**@db/app: refused", `"paused": []`} {
		if !strings.Contains(text, want) {
			t.Errorf("/health: got %s, want %s in it", text, want)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Errorf("/health: got %s, want no password", text)
	}
	_, text = get(t, s, "/dump")
	for _, want := range []string{`"schema": "gomeko.dump/v1"`, `"method": "Sweep"`, `"state": "running"`, "admin_test.(*Yard).Sweep"} {
		if !strings.Contains(text, want) {
			t.Errorf("/dump: got %s, want %s in it", text, want)
		}
	}
}

// Yard has a method that runs until the test ends it.
type Yard struct {
	_ service.Name `service:"yard"`

	Shelf *hosttest.Dependency

	Entrypoints struct {
		Sweep timer.Interval `timer:"1h" eager:"true"`
	}

	Begun, End chan struct{}
}

func (y *Yard) Sweep(context.Context) error {
	close(y.Begun)
	<-y.End
	return nil
}

// The profiles work with go tool pprof, and http.DefaultServeMux is not modified.
func TestProfiles(t *testing.T) {
	t.Parallel()
	_, s, err := open(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/debug/pprof/":                    "goroutine (",
		"/debug/pprof/goroutine?debug=2":   "goroutine ",
		"/debug/pprof/heap?gc=1":           "\x1f\x8b",
		"/debug/pprof/profile?seconds=.01": "\x1f\x8b",
		"/debug/pprof/trace?seconds=.01":   "go 1.",
	} {
		if status, text := get(t, s, path); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: got %d %.40q, want %q in it", path, status, text, want)
		}
	}
	if status, text := get(t, s, "/debug/pprof/profile?seconds=1e9"); status != 400 || !strings.Contains(text, "120") {
		t.Errorf("got %d %q, want 400 and the limit", status, text)
	}
	if status, text := get(t, s, "/debug/pprof/cmdline"); status != 404 || !strings.Contains(text, "heap") {
		t.Errorf("got %d %q, want 404 and the profiles", status, text)
	}
	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/", nil))
	if w.Code != 404 {
		t.Errorf("http.DefaultServeMux serves profiles: got %d, want 404", w.Code)
	}
}

// A page of another site gets no answers, even if its host name resolves to loopback.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	_, s, err := open(t, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string][]string{
		"rebinding":  {"Host", "evil.example"},
		"cross-site": {"Sec-Fetch-Site", "cross-site"},
		"same site":  {"Sec-Fetch-Site", "same-site"},
	} {
		if status, text := get(t, s, "/debug/pprof/heap", header...); status != 403 {
			t.Errorf("%s: got %d %q, want 403", name, status, text)
		}
	}
	if status, text := get(t, s, "/live", "Sec-Fetch-Site", "none"); status != 200 {
		t.Errorf("got %d %q, want an answer to a user who types the address", status, text)
	}
}

// A warning is logged for an address that other machines can reach.
func TestReachable(t *testing.T) {
	t.Parallel()
	h, s, err := open(t, "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(h.Log.String(), "the admin address is reachable from other machines") {
		t.Errorf("got the log %q, want a warning", h.Log)
	}
	if status, text := get(t, s, "/live", "Host", "10.1.2.3:9090"); status != 200 {
		t.Errorf("got %d %q, want an answer: a collector uses any name of the machine", status, text)
	}
}

// A socket has mode 0600, replaces one left behind by another process, and is removed at the end.
func TestSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	_, s, err := open(t, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("got %v, %v, want a socket with mode 0600", info.Mode(), err)
	}
	if status, text := get(t, s, "/live", "Host", "admin"); status != 200 {
		t.Errorf("got %d %q, want 200", status, text)
	}
	if _, _, err := open(t, "unix:"+path); err == nil || !strings.Contains(err.Error(), "another process listens on "+path) {
		t.Errorf("got %v, want that the socket is in use", err)
	}
	hosttest.Close(t, s.Close)
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the socket is gone", err)
	}
}

// A file at the path of the socket is kept, and so is a socket that another process has put there.
func TestSocketOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "admin.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, "unix:"+path); err == nil || !strings.Contains(err.Error(), "exists and is not a socket") {
		t.Errorf("got %v, want that it is not a socket", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
		t.Errorf("got %q, %v, want that the file is left alone", text, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, s, err := open(t, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, successor, err := open(t, "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Close(t, s.Close)
	if status, text := get(t, successor, "/live"); status != 200 {
		t.Errorf("got %d %q, want that the successor keeps its socket", status, text)
	}
}

// Each mistake says what to write.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"9090":       "must be host:port or unix:/path",
		"unix:":      "must be followed by the path of a socket",
		"unix:@root": "must not be an abstract socket",
	} {
		if _, _, err := open(t, address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	for pattern, want := range map[string]string{
		"GET /ready":   "conflicts with",
		"GET metrics":  "must have a path that begins with a slash",
		"GET /a/{b c}": "bad wildcard name",
		"GET /nothing": "has no Handler: set it",
	} {
		added := admin.Handler{Pattern: pattern, Handler: http.NotFoundHandler()}
		if pattern == "GET /nothing" {
			added.Handler = nil
		}
		_, err := hosttest.New(t, hosttest.Config{}, new(Depot), serve, service.Configure(added))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", pattern, err, want)
		}
	}
}
