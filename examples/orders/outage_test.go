package orders_test

import (
	"errors"
	"os/exec"
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

// PostgreSQL stops while the services run. The process is live but not ready, orders consumes
// nothing and refuses calls, and users continues. When the database is back, orders resumes, and
// handles the event sent meanwhile.
func TestDatabaseStops(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		hosttest.Missing(t, "curl is not installed: install the package curl")
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		database, port := hosttest.StartPostgres(t), new(hosttest.Port)
		h := hosttest.Start(t, hosttest.Config{
			Service: service.Config{PauseUnhealthy: true, HealthInterval: 50 * time.Millisecond},
			Broker:  transport.Config{URI: uri},
		}, orders.Module, users.Module, fx.Replace(orders.Settings{Database: database.URL()}),
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

		database.Stop()
		hosttest.Eventually(t, "the process is not ready", func() bool { return strings.HasSuffix(curl("/ready"), "503") })
		if got := curl("/ready"); !strings.HasPrefix(got, "sql.DB has been failing for ") || strings.Contains(got, database.Dir()) {
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

		database.Start()
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
