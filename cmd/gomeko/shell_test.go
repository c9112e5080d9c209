package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Order is an order.
type Order struct {
	ID      int    `json:"id"`
	Product string `json:"product"`
	Year    int    `json:"year"`
}

// stationer is a service to look at in the shell.
type stationer struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Get    rpc.Method `rpc:"get(order_id)" doc:"An order by its number."`
		List   rpc.Method `rpc:"list(year, *, limit=10)" doc:"The orders of a year."`
		Create rpc.Method `rpc:"create(product, year=2026)" doc:"Takes an order, and returns its number."`
		Wait   rpc.Method `rpc:"wait()" doc:"Waits for the post."`
	}

	Ended chan error // gets why a wait has ended
}

func (*stationer) Get(_ context.Context, id int) (Order, error) {
	if id > 2 {
		return Order{}, rpc.NewError("orders.NotFound", fmt.Sprintf("no order %d", id))
	}
	return Order{id, []string{"", "pen", "ink"}[id], 2026}, nil
}

func (*stationer) List(_ context.Context, year, limit int) ([]Order, error) {
	all := []Order{{1, "pen", year}, {2, "ink", year}}
	return all[:min(limit, 2)], nil
}

func (*stationer) Create(context.Context, string, int) (int, error) { return 3, nil }

func (s *stationer) Wait(ctx context.Context) error {
	<-ctx.Done()
	s.Ended <- context.Cause(ctx)
	return ctx.Err()
}

// open starts the services in processes of one fleet, and a shell in a terminal.
func openShell(t *testing.T, rows int, services ...any) *terminal {
	t.Helper()
	uri := brokertest.Embedded(t)
	for _, s := range services {
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, s, service.Configure(fleet.Control(fleet.ControlConfig{Version: "v1.0.0"})))
	}
	term := openTerminal(t, rows, nil, "shell", "--broker", uri)
	term.wait("\n>>>")
	return term
}

// Tab completes services, methods and parameters from the fleet.
func TestShellCompletion(t *testing.T) {
	t.Parallel()
	term := openShell(t, 30, &stationer{})
	for _, step := range []struct{ text, want string }{
		{"n.rpc.or", ">>> n.rpc.orders"},
		{".", ">>> n.rpc.orders.\ncreate get list wait\n>>> n.rpc.orders."},
		{"li", ">>> n.rpc.orders.list"},
		{"(", ">>> n.rpc.orders.list(\nyear= limit=\n>>> n.rpc.orders.list("},
		{"y", ">>> n.rpc.orders.list(year="},
		{"2026, ", ">>> n.rpc.orders.list(year=2026, limit="},
	} {
		term.typed(step.text)
		term.press("Tab", "Tab")
		term.wait(step.want)
	}
	term.enter("1)", "[{'id': 1, 'product': 'pen', 'year': 2026}]\n>>>")
	term.press("C-d")
	if status := term.ended(); status != "0" {
		t.Errorf("got exit status %s, want 0", status)
	}
	path := filepath.Join(term.home(), "config", "gomeko", "history")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got the history %v, %v, want that only its user can read it", info.Mode(), err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(text)) != "n.rpc.orders.list(year=2026, limit=1)" {
		t.Errorf("got the history %q, %v", text, err)
	}
}
