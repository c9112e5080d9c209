package orders_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/orders"
	"github.com/gomeko/gomeko/examples/orders/users"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// PostgreSQL stops under the services. The process is live but not ready, orders consumes nothing
// and refuses calls, and users goes on. When the database is back, all resumes, and the event of
// that time is handled.
func TestDatabaseStops(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		hosttest.Missing(t, "curl is not installed: install the package curl")
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		database, port := newServer(t), new(hosttest.Port)
		h := hosttest.Start(t, hosttest.Config{
			Service: service.Config{PauseUnhealthy: true, HealthInterval: 50 * time.Millisecond},
			Broker:  transport.Config{URI: uri},
		}, orders.Module, users.Module, fx.Replace(orders.Settings{Database: database.url()}),
			service.Configure(web.Config{Listen: port.Listen, ReadyPath: "/ready", LivePath: "/live"}))
		caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
		shop, err := rpc.Bind[Shop](caller)
		if err != nil {
			t.Fatal(err)
		}
		curl := func(path string) string {
			t.Helper()
			out, err := exec.CommandContext(t.Context(), "curl", "-s", "-w", "%{http_code}", "http://"+port.Address()+path).Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		request := Request{ID: "a1", UserID: 7, Product: "tea"}
		if _, err := shop.Create(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if got := curl("/ready"); got != "ready\n200" {
			t.Errorf("got %q, want that it is ready", got)
		}

		database.stop()
		hosttest.Eventually(t, "the process is not ready", func() bool { return strings.HasSuffix(curl("/ready"), "503") })
		if got := curl("/ready"); !strings.HasPrefix(got, "sql.DB has been failing for ") || strings.Contains(got, database.dir) {
			t.Errorf("got %q, want the dependency and not where it is", got)
		}
		if got := curl("/live"); got != "live\n200" {
			t.Errorf("got %q, want that it is live", got)
		}
		if got := curl("/orders/a1"); !strings.Contains(got, "service orders is unavailable") || !strings.HasSuffix(got, "503") {
			t.Errorf("got %q, want 503", got)
		}
		if _, err := shop.Get(t.Context(), "a1"); !errors.Is(err, rpc.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if err := caller.Client("users").Call(t.Context(), "delete_user", nil, 7); err != nil {
			t.Errorf("got %v, want that users goes on", err)
		}
		hosttest.Eventually(t, "the event waits", func() bool {
			all := h.Host().Pauses()
			return len(all) == 1 && brokertest.Depth(t, uri, all[0].Queue) == 1
		})

		database.start()
		hosttest.Eventually(t, "the process is ready", func() bool { return curl("/ready") == "ready\n200" })
		hosttest.Eventually(t, "the event is handled", func() bool { return strings.HasSuffix(curl("/orders/a1"), "404") })
		if _, err := shop.Create(t.Context(), request); err != nil {
			t.Errorf("got %v, want that orders goes on", err)
		}
		if all := h.Host().Pauses(); len(all) != 0 {
			t.Errorf("got %+v, want no pauses", all)
		}
	})
}

// A server is a PostgreSQL of the test's own, which can be stopped and started again.
type server struct {
	t       *testing.T
	dir     string
	process *hosttest.Process
}

// newServer starts a PostgreSQL without data.
func newServer(t *testing.T) *server {
	t.Helper()
	if all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(all) == 0 {
		hosttest.Missing(t, "PostgreSQL is not installed: run scripts/setup")
	}
	dir, err := os.MkdirTemp("", "gomeko-postgres") // not t.TempDir, which other users cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, dir: dir}
	s.start()
	return s
}

func (s *server) url() string { return "postgres:///postgres?host=" + s.dir + "&user=postgres" }

// start starts the server with the data that it has, and returns when it serves.
func (s *server) start() {
	s.t.Helper()
	script := filepath.Join(hosttest.Root(s.t), "scripts", "postgres")
	s.process = hosttest.StartProcess(s.t, exec.CommandContext(context.WithoutCancel(s.t.Context()), script, "serve", s.dir))
	db, err := sql.Open("pgx", s.url())
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	hosttest.Eventually(s.t, "PostgreSQL serves", func() bool { return db.PingContext(s.t.Context()) == nil })
}

// stop stops the server at once, as its operator would, and cuts its connections.
func (s *server) stop() {
	s.t.Helper()
	s.process.Signal(os.Interrupt)
	s.process.Wait()
}
