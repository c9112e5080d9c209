package service_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/service"
)

// Prints has rows that are isolated.
type Prints struct {
	_ service.Name `service:"prints"`

	Entrypoints struct {
		Print Trigger `trigger:"print(doc)" isolate:"process"`
		Scan  Trigger `trigger:"scan(doc)" isolate:"process" memory:"1GiB"`
		Copy  Trigger `trigger:"copy(doc)"`
	}
}

func (*Prints) Print(_ context.Context, doc string) (string, error) { return doc, nil }
func (*Prints) Scan(_ context.Context, doc string) (string, error)  { return doc, nil }
func (*Prints) Copy(_ context.Context, doc string) (string, error)  { return doc, nil }

// TestNotIsolated checks that isolated methods run in the process of their service if there is no
// Isolator, and that this is logged once.
func TestNotIsolated(t *testing.T) {
	t.Parallel()
	var out journal
	_, all := start(t, service.Config{Logger: out.logger()}, new(Prints))
	want := `level=INFO msg="methods with isolate:\"process\" run in this process" rows="[prints.Print prints.Scan]"` + "\n"
	if got := out.take(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	for _, name := range []string{"print", "scan", "copy"} {
		if got, err := all.fire(t.Context(), "prints."+name, "a"); got != "a" || err != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got := out.take(); strings.Contains(got, "isolate") {
		t.Errorf("it was logged again: %s", got)
	}
}

// An echo is an Isolator in this process.
type echo struct{ calls *[]string }

func (e echo) Isolate(_ context.Context, c *service.IsolatedCall) (any, error) {
	defer c.Release()
	*e.calls = append(*e.calls, c.Entry.Name+" "+c.ID)
	return c.Arguments.Positional, nil
}

// TestIsolator checks which calls an Isolator runs.
func TestIsolator(t *testing.T) {
	t.Parallel()
	var calls []string
	all := triggers{}
	extension := service.Extension(func(h *service.Host) error {
		for _, r := range h.Rows() {
			r.Isolate(echo{&calls})
		}
		return nil
	})
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(Prints), service.Defaults(all), service.Configure(extension))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"print", "copy"} {
		if _, err := all["prints."+name].Run(t.Context(), service.Request{ID: "1", Arguments: arguments("a")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := strings.Join(calls, ", "); got != "Print prints.print.1" {
		t.Errorf("got %s", got)
	}
	memory, ok := all["prints.scan"].Isolated()
	if memory != 1<<30 || !ok {
		t.Errorf("got %d, %t", memory, ok)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
