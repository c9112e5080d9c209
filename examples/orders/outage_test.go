package orders_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// The database stops under the services. The process is live but not ready, orders consumes nothing
// and refuses calls, and users goes on. When the database is back, all resumes, and the event of
// that time is handled.
func TestDatabaseStops(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		hosttest.Missing(t, "curl is not installed: install the package curl")
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		database, port := newDoor(t, postgres(t)), new(hosttest.Port)
		h := hosttest.Start(t, hosttest.Config{
			Service: service.Config{PauseUnhealthy: true, HealthInterval: 50 * time.Millisecond},
			Broker:  transport.Config{URI: uri},
		}, orders.Module, users.Module, fx.Replace(orders.Settings{Database: database.url}),
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

		database.set(false)
		hosttest.Eventually(t, "the process is not ready", func() bool { return strings.HasSuffix(curl("/ready"), "503") })
		if got := curl("/ready"); !strings.HasPrefix(got, "sql.DB has been failing for ") || strings.Contains(got, "127.0.0.1") {
			t.Errorf("got %q, want the dependency and no address", got)
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

		database.set(true)
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

// A door is the way to a PostgreSQL, which can be shut. Then it is for its clients as if it had
// stopped.
type door struct {
	url string // of the database behind it

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]struct{}
}

func newDoor(t *testing.T, database string) *door {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	network, server := "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "5432"))
	if folder := query.Get("host"); strings.HasPrefix(folder, "/") {
		network, server = "unix", filepath.Join(folder, ".s.PGSQL."+cmp.Or(query.Get("port"), "5432"))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	query.Del("host")
	query.Del("port")
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	d := &door{url: u.String(), conns: make(map[net.Conn]struct{})}
	var carrying sync.WaitGroup
	carrying.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			carrying.Go(func() { d.carry(t.Context(), client, network, server) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		d.set(false)
		carrying.Wait()
	})
	return d
}

// carry forwards a connection until a side closes it, or the door is shut.
func (d *door) carry(ctx context.Context, client net.Conn, network, address string) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil || !d.enter(client, server) {
		return
	}
	defer server.Close()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	_, _ = io.Copy(server, client)
	server.Close()
	back.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, client)
	delete(d.conns, server)
}

// enter reports whether the door is open for a connection. It closes the server's otherwise.
func (d *door) enter(client, server net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		server.Close()
		return false
	}
	d.conns[client], d.conns[server] = struct{}{}, struct{}{}
	return true
}

// set opens or shuts the door, and cuts the connections through it if it is shut.
func (d *door) set(open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = !open
	if d.shut {
		for conn := range d.conns {
			conn.Close()
		}
	}
}
