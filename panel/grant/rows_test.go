package grant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// TestAllowWithoutKeys checks for one warning about rows that workers do not protect.
func TestAllowWithoutKeys(t *testing.T) {
	t.Parallel()
	host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}, Service: service.Config{Only: []string{"vaults.Open", "vaults.Count"}}}, new(Vaults))
	warned := host.Log.Lines("level=WARN", "only the control panel checks")
	if len(warned) != 1 || !strings.Contains(warned[0], "rows=[vaults.Open]") {
		t.Errorf("got %q, want one warning of vaults.Open", warned)
	}
}

// TestMistakesOfAllow uses rows that cannot be run from a control panel.
func TestMistakesOfAllow(t *testing.T) {
	t.Parallel()
	_, err := hosttest.New(t, hosttest.Config{}, new(Doors), service.Configure(transport.Config{URI: "amqp://"}), grant.Enforce(keys(t, newKey(t))))
	want := `service doors: Knock: allow: people cannot run a web.Route from a control panel, only RPC methods and jobs: remove it
service doors: Ring: allow: people cannot run a events.Handler from a control panel, only RPC methods and jobs: remove it
service doors: Lock: cron: jobs of ticks have no grant, so the workers would refuse them: remove allow, and add a row of another name for people, with method:"Lock" and allow`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

type Doors struct {
	_ service.Name `service:"doors"`

	Entrypoints struct {
		Knock web.Route      `web:"GET /knock" allow:"staff"`
		Ring  events.Handler `events:"bells.rung" allow:"staff"`
		Lock  jobs.Job       `jobs:"lock()" allow:"staff" cron:"0 22 * * *" overlap:"allow"`
	}
}

func (*Doors) Knock(context.Context) error     { return nil }
func (*Doors) Ring(context.Context, any) error { return nil }
func (*Doors) Lock(context.Context) error      { return nil }

// Presses has a method that runs in another process.
type Presses struct {
	_ service.Name `service:"presses"`

	Entrypoints struct {
		Print rpc.Method `rpc:"print()" allow:"staff" isolate:"process"`
	}
}

func (*Presses) Print(ctx context.Context) (string, error) { return who(ctx), nil }

// elsewhere runs methods in another container, as if in another process, a while later.
type elsewhere struct{ row *service.Row }

func (e elsewhere) Isolate(ctx context.Context, call *service.IsolatedCall) (any, error) {
	return e.row.Perform(ctx, service.Request{Grant: call.Grant})
}

// TestIsolatedGrant checks that a method that runs in another process knows its user. The process
// that received the grant has verified it.
func TestIsolatedGrant(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	sign := func(user string, groups ...string) string {
		return signed(t, key, func(g *grant.Grant) { g.User, g.Service, g.Row, g.Groups = user, "presses", "Print", groups })
	}
	start := func(options ...any) *service.Row {
		options = append(options, new(Presses), grant.Enforce(keys(t, key)))
		return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}}, options...).Rows()[0]
	}
	child := start()
	parent := start(service.Configure[service.Extension](func(h *service.Host) error {
		h.Rows()[0].Isolate(elsewhere{child})
		return nil
	}))
	if got, err := parent.Run(t.Context(), service.Request{Grant: sign("ann", "staff")}); err != nil || got != "ann [staff] false" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parent.Run(t.Context(), service.Request{Grant: sign("eve")}); !errors.Is(err, rpc.ErrForbidden) {
		t.Errorf("got %v, want %v", err, rpc.ErrForbidden)
	}
	old := signed(t, key, func(g *grant.Grant) {
		g.Service, g.Row, g.Issued, g.Expires = "presses", "Print", time.Now().Add(-time.Hour), time.Now().Add(-59*time.Minute)
	})
	if got, err := child.Perform(t.Context(), service.Request{Grant: old}); err != nil || !strings.HasPrefix(fmt.Sprint(got), "ann ") {
		t.Errorf("a grant that has expired while its call waited: got %v, %v", got, err)
	}
	if _, err := child.Perform(t.Context(), service.Request{Grant: "forged"}); !errors.Is(err, rpc.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, rpc.ErrUnauthorized)
	}
}
