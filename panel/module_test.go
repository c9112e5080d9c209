package panel_test

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/sqlite"
	"github.com/gomeko/gomeko/transport"
)

// TestModule serves a panel in a program with a service, until the service stops.
func TestModule(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		var address string
		ready := func(_ context.Context, url string, accounts *account.Accounts) error {
			address = url
			return accounts.As(account.Actor{Name: "test"}).AddUser(t.Context(), account.NewUser{Name: "ann", Password: password})
		}
		host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Stock),
			panel.Module(panel.Serving{Config: panel.Config{Title: "Warehouse"}, Listen: "127.0.0.1:0", Open: sqlite.Open(filepath.Join(t.TempDir(), "panel.db")), Ready: ready}))
		r, err := http.Get(address + "/login")
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusOK {
			t.Errorf("got %s", r.Status)
		}
		http.DefaultClient.CloseIdleConnections()
		hosttest.Close(t, host.Stop)
		if _, err := http.Get(address + "/login"); err == nil {
			t.Error("the panel is there after the stop")
		}
	})
}

// TestServingMistakes checks the errors for panels that cannot be served.
func TestServingMistakes(t *testing.T) {
	t.Parallel()
	cfg := hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}}
	if _, err := hosttest.New(t, cfg, new(Stock), panel.Module(panel.Serving{})); err == nil || !strings.Contains(err.Error(), "panel.Serving: Open: must be set") {
		t.Errorf("without Open: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	broken := func(context.Context) (*sql.DB, account.Dialect, error) { return nil, "", errors.New("no such disk") }
	refuse := func(context.Context, string, *account.Accounts) error { return errors.New("not today") }
	for want, s := range map[string]panel.Serving{
		"address already in use: give the panel another address with panel.Serving.Listen": {Listen: taken.Addr().String(), Open: sqlite.Open(filepath.Join(t.TempDir(), "panel.db"))},
		"database of the panel: no such disk":                                              {Listen: "127.0.0.1:0", Open: broken},
		"not today":                                                                        {Listen: "127.0.0.1:0", Open: sqlite.Open(filepath.Join(t.TempDir(), "panel.db")), Ready: refuse},
		"panel.Config: URL: must be":                                                       {Config: panel.Config{URL: "nonsense"}, Listen: "127.0.0.1:0", Open: sqlite.Open(filepath.Join(t.TempDir(), "panel.db"))},
	} {
		host, err := hosttest.New(t, cfg, new(Stock), panel.Module(s))
		if err != nil {
			t.Fatal(err)
		}
		if err := host.Start(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
