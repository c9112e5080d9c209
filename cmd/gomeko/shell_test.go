package main_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
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

// stationer is a service to examine in the shell.
type stationer struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		Get    rpc.Method `rpc:"get(order_id)" doc:"An order by its number."`
		List   rpc.Method `rpc:"list(year, *, limit=10)" doc:"The orders of a year."`
		Create rpc.Method `rpc:"create(product, year=2026)" doc:"Takes an order, and returns its number."`
		Wait   rpc.Method `rpc:"wait()" doc:"Waits for the post."`
	}

	Dispatch events.Dispatcher

	Waits chan struct{} // receives a value for each wait
	Ended chan error    // receives the reason why a wait has ended
}

func newStationer() *stationer {
	return &stationer{Waits: make(chan struct{}, 10), Ended: make(chan error, 10)}
}

func (*stationer) Docs() service.Docs {
	return service.Docs{
		Text: "Orders keeps the orders of the shop.",
		Rows: map[string]service.RowDocs{"Get": {Errors: []error{errNoOrder}}},
	}
}

var errNoOrder = rpc.NewError("orders.NotFound", "no such order")

func (*stationer) Get(_ context.Context, id int) (Order, error) {
	if id > 2 {
		return Order{}, errNoOrder.WithText(fmt.Sprintf("no order %d", id))
	}
	return Order{id, []string{"", "pen", "ink"}[id], 2026}, nil
}

func (*stationer) List(_ context.Context, year, limit int) ([]Order, error) {
	all := make([]Order, limit)
	for i := range all {
		all[i] = Order{i + 1, []string{"pen", "ink"}[i%2], year}
	}
	return all, nil
}

func (s *stationer) Create(ctx context.Context, product string, year int) (int, error) {
	return 3, s.Dispatch(ctx, "order_created", Order{3, product, year})
}

func (s *stationer) Wait(ctx context.Context) error {
	s.Waits <- struct{}{}
	<-ctx.Done()
	s.Ended <- context.Cause(ctx)
	return ctx.Err()
}

// openShell starts the services, each in its own process of a fleet, and a shell in a terminal.
func openShell(t *testing.T, rows int, env []string, services ...any) *terminal {
	t.Helper()
	uri := brokertest.Embedded(t)
	for i, s := range services {
		hosttest.Start(t, hosttest.Config{Service: service.Config{Instance: fmt.Sprintf("vm%d/4711-9f3c", i+1)}, Broker: transport.Config{URI: uri}}, s,
			service.Configure(fleet.Control(fleet.ControlConfig{Version: "v1.4.2"})))
	}
	term := openTerminal(t, rows, env, "shell", "--broker", uri)
	term.broker = uri
	term.wait("\n>>>")
	return term
}

// Tab completes services, methods and parameters from the fleet.
func TestShellCompletion(t *testing.T) {
	t.Parallel()
	term := openShell(t, 30, nil, newStationer())
	for _, step := range []struct{ text, want string }{
		{"n.rpc.or", ">>> n.rpc.orders"},
		{".", ">>> n.rpc.orders.\ncreate get list wait\n>>> n.rpc.orders."},
		{"li", ">>> n.rpc.orders.list"},
		{"(", ">>> n.rpc.orders.list(\nyear= limit=\n>>> n.rpc.orders.list("},
		{"y", ">>> n.rpc.orders.list(year="},
		{"2026, ", ">>> n.rpc.orders.list(year=2026, limit="},
	} {
		term.typed(step.text)
		term.complete(step.want)
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

// Ctrl-C ends the call, and also its method in the service. At the prompt it clears the line.
// Ctrl-D ends the shell.
func TestShellInterrupt(t *testing.T) {
	t.Parallel()
	s := newStationer()
	term := openShell(t, 30, nil, s)
	for _, call := range []string{"n.rpc.orders.wait()", "[n.rpc.orders.wait() for _ in range(9)]", "time(n.rpc.orders.wait())"} {
		term.typed(call)
		term.press("Enter")
		hosttest.Receive(t, "the call", s.Waits)
		term.press("C-c")
		if cause := hosttest.Receive(t, "the end of the call", s.Ended); cause.Error() != "CancelledError: cancelled by the caller" {
			t.Errorf("%s: got the cause %v", call, cause)
		}
		term.wait("interrupted\n>>>")
	}
	term.enter(`while not print("running"): pass`, "...")
	term.press("Enter")
	term.wait("running\nrunning\n")
	term.press("C-c")
	term.wait("interrupted\n>>>")
	term.typed("nonsense(")
	term.press("C-c")
	term.wait("\n>>>")
	term.enter("1 + 1", "\n2\n>>>")
	term.enter("n.rpc.orders.get(3)", "NotFound: no order 3\n>>>")
	term.press("C-d")
	if status := term.ended(); status != "0" {
		t.Errorf("got exit status %s, want 0", status)
	}
}

// Ctrl-R searches the history, including that of earlier shells.
func TestShellHistory(t *testing.T) {
	t.Parallel()
	term := openShell(t, 30, nil, newStationer())
	term.enter("n.rpc.orders.get(1)", "'pen'")
	term.enter("1 + 2", "3\n>>>")
	term.press("C-r")
	term.typed("orders")
	term.wait("(reverse-i-search)`orders': n.rpc.orders.get(1)")
	term.press("Enter")
	term.wait("n.rpc.orders.get(1)\n{'id': 1, 'product': 'pen', 'year': 2026}\n>>>")
	term.enter("exit()", "")
	if status := term.ended(); status != "0" {
		t.Errorf("got exit status %s, want 0", status)
	}
	term.tmux("respawn-pane", "-k")
	term.wait("\n>>>")
	term.press("C-r")
	term.typed("1 +")
	term.wait("(reverse-i-search)`1 +': 1 + 2")
}

// A result that is longer than the terminal is shown in the pager; a shorter one is not.
func TestShellPager(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pager := filepath.Join(dir, "pager")
	if err := os.WriteFile(pager, []byte("#!/bin/sh\nhead -n 2\nprintf 'PAGED '\nread answer </dev/tty\necho \"$answer\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	term := openShell(t, 12, []string{"PAGER=" + pager}, newStationer())
	term.enter("n.rpc.orders.list(2026, limit=40)", "[\n    {'id': 1, 'product': 'pen', 'year': 2026},\nPAGED")
	term.enter("left", "left\n>>>")
	term.enter("table(n.rpc.orders.list(2026, limit=40))", "id  product  year\n1   pen      2026\nPAGED")
	term.press("C-c") // it ends the pager
	term.wait("PAGED ^C>>>")
	term.enter("'still here'", "\n'still here'\n>>>")
	term.enter("help()", "PAGED")
	term.enter("", "\n>>>")
	term.enter("n.rpc.orders.list(2026, limit=4)", "[\n    {'id': 1, 'product': 'pen', 'year': 2026},\n    {'id': 2, 'product': 'ink', 'year': 2026},\n"+
		"    {'id': 3, 'product': 'pen', 'year': 2026},\n    {'id': 4, 'product': 'ink', 'year': 2026},\n]\n>>>")
}

// An empty PAGER means no pager, and one that does not exist is not used.
func TestShellNoPager(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"PAGER=", "PAGER=/nowhere/pager"} {
		term := openShell(t, 12, []string{env}, newStationer())
		term.enter("n.rpc.orders.list(2026, limit=40)", "    {'id': 40, 'product': 'ink', 'year': 2026},\n]\n>>>")
	}
}
