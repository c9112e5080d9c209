package runner

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Depots has rows for people.
type Depots struct {
	_ service.Name `service:"depots" allow:"control"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(what, at='Burgos')" allow:"stock"`
		Clear jobs.Job   `jobs:"clear(at)" allow:"stock" confirm:"true"`
	}
}

func (*Depots) Count(_ context.Context, what, at string) (map[string]any, error) {
	if what == "ghosts" {
		return nil, rpc.NewError("depots.exceptions.Unknown", "no such thing")
	}
	return map[string]any{"what": what, "at": at}, nil
}

func (*Depots) Clear(_ context.Context, at string) (string, error) {
	if at == "nowhere" {
		return "", errors.New("it does not exist")
	}
	return "cleared " + at, nil
}

// TestPanelRun runs rows from a terminal, with the token of a user.
func TestPanelRun(t *testing.T) {
	eachStore(t, func(t *testing.T, uri string) {
		t.Setenv(panelVariable, uri)
		t.Setenv(storeVariable, uri)
		brokerURI := brokertest.Embedded(t)
		s := deadStage{t, brokerURI, nil}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokerURI}}, new(Depots),
			service.Configure(jobs.Config{Open: func(ctx context.Context) (*store.Store, error) { return openStore(ctx, uri, true) }}),
			service.Configure(fleet.Control(fleet.ControlConfig{})))
		for _, name := range []string{"ann", "bob"} {
			s.run(0, "panel user add "+name+" --no-password")
		}
		s.run(0, "panel group add control/stock")
		s.run(0, "panel user groups ann --add control/stock")
		token := func(name string) string {
			out, _ := s.run(0, "panel user token "+name+" --note test --days 3")
			return strings.TrimSpace(out)
		}
		ann, bob := token("ann"), token("bob")

		_, hint := s.run(2, "panel run depots.Count what=boxes")
		if !strings.Contains(hint, "set "+tokenVariable) && !strings.Contains(hint, "Set "+tokenVariable) {
			t.Errorf("without a token: %s", hint)
		}
		t.Setenv(tokenVariable, bob)
		if _, denied := s.run(1, "panel run depots.Count what=boxes"); !strings.Contains(denied, "user bob is not in the group control, which depots.Count needs") {
			t.Errorf("bob: %s", denied)
		}
		t.Setenv(tokenVariable, ann)
		s.matches("panel run depots.Count what=boxes", `^\{"(at":"Burgos","what":"boxes|what": ?"boxes", ?"at": ?"Burgos)"\}\n$`)
		s.matches("panel run depots.count what=boxes at=Soria --detach", `Soria`)
		s.matches("panel run depots.Clear at=Burgos --yes", `^"cleared Burgos"\n$`)
		s.matches("panel run depots.Clear at=Burgos --yes --detach", `^[0-9a-f-]{36}\n$`)
		for args, want := range map[string]string{
			"panel run depots.Count what=ghosts":        "depots.Count failed: depots.exceptions.Unknown: no such thing (call id panel.run.",
			"panel run depots.Clear at=nowhere --yes":   "it does not exist (call id depots.clear.",
			"panel run depots.Nothing":                  "depots.Nothing cannot be run from a control panel: the service has no such row",
			"panel run depots.Count":                    "what is missing",
			"panel run depots.Count what=1 --token x_y": "the token is wrong, has expired or was revoked",
		} {
			if _, got := s.run(1, args); !strings.Contains(got, want) {
				t.Errorf("gomeko %s: %s", args, got)
			}
		}
		for args, want := range map[string]string{
			"panel run":                            "which job? Name it",
			"panel run depots.Count boxes":         "must be KEY=VALUE",
			"panel run depots.Count what=1 what=2": "what is given twice",
			"panel user token ann --days 0":        "must be at least 1",
		} {
			if _, got := s.run(2, args); !strings.Contains(got, want) {
				t.Errorf("gomeko %s: %s", args, got)
			}
		}
		file, err := os.Open(os.Args[0]) // not a terminal
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, got := s.runWith(file, 2, "panel run depots.Clear at=Burgos"); !strings.Contains(got, "depots.Clear asks to confirm: add --yes") {
			t.Errorf("without a terminal: %s", got)
		}
		s.matches("panel audit --action run --object depots.Count --limit 100", `bob .*user bob is not in the group control`)
		s.matches("panel user tokens bob", `^ID +USER +EXPIRES +LAST USED +FROM +NOTE\n\w+ +bob .*test\n$`)
		out, _ := s.run(0, "panel user tokens ann")
		s.run(0, "panel user revoke "+strings.Fields(strings.Split(out, "\n")[1])[0])
		s.run(1, "panel run depots.Count what=boxes")
		if strings.Contains(out+os.Getenv("PATH"), ann) {
			t.Error("the list of tokens has a token")
		}
	})
}
