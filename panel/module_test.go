package panel_test

import (
	"net"
	"net/http"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
)

// TestModule serves a panel in an fx application.
func TestModule(t *testing.T) {
	t.Parallel()
	s := newStage(t, panel.Config{}, nil, "")
	address := hosttest.FreeAddress(t)
	configure := func() panel.Config {
		return panel.Config{Accounts: s.accounts, DB: s.db, Broker: s.broker, Title: "Warehouse"}
	}
	app := fxtest.New(t, fx.NopLogger, fx.Provide(configure), panel.Module(address))
	app.RequireStart()
	b := s.browser()
	b.Transport = &http.Transport{DisableKeepAlives: true}
	s.url = "http://" + address
	b.get("/login").want(http.StatusOK, "Warehouse Log in")
	app.RequireStop()
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		conn.Close()
		t.Error("it is served after the stop")
	}

	if err := fx.New(fx.NopLogger, fx.Provide(configure), panel.Module("nonsense")).Start(t.Context()); err == nil {
		t.Error("it starts on an address that is none")
	}
}
