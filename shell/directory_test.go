package shell

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/transport"
)

// A fleet that does not answer delays Tab by 300 ms, but only once. The next Tab has the answers
// that arrived later.
func TestLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		life, end := context.WithCancel(t.Context())
		d := newDirectory(life, new(transport.Conn))
		asked := 0
		slow := func(ctx context.Context, limit time.Duration) bool {
			asked++
			select {
			case <-time.After(time.Second):
				d.add("orders", "get")
				return true
			case <-time.After(limit):
				return false
			case <-ctx.Done():
				return false
			}
		}
		began := time.Now()
		d.look("", completionTime, slow)
		if took := time.Since(began); took != completionTime || len(d.called) != 0 {
			t.Errorf("got %v after %s, want nothing after %s", d.called, took, completionTime)
		}
		d.look("", completionTime, slow) // waits for the same question
		time.Sleep(time.Second)
		d.look("", completionTime, slow)
		if took := time.Since(began); took != 2*completionTime+time.Second || asked != 2 || d.called["orders"] == nil {
			t.Errorf("got %v of %d questions after %s, want the second to be answered meanwhile", d.called, asked, took)
		}
		time.Sleep(fresh)
		d.look("", 0, slow)
		synctest.Wait()
		if asked != 3 {
			t.Errorf("got %d questions, want a new one after %s", asked, fresh)
		}
		end()
		d.close()
	})
}

// Names that a terminal would interpret, or that cannot be typed, are not completed.
func TestCompleteHostile(t *testing.T) {
	t.Parallel()
	s := new(Shell)
	_, end := s.begin(t.Context())
	defer end()
	const hostile = "x\x1b[2J"
	d := s.directory
	rows := []contract.Row{
		{Kind: "rpc", Call: hostile}, {Kind: "rpc", Call: strings.Repeat("x", 1000)}, {Kind: "rpc", Call: "x\u202ey"}, {Kind: "rpc", Call: ""},
		{Kind: "rpc", Call: "xy", Parameters: []contract.Parameter{{Name: hostile, Kind: "positional"}, {Name: "all", Kind: "rest"}, {Name: "y", Kind: "keyword"}}},
	}
	d.instances = map[string][]string{hostile: nil, "x": {hostile, "vm1/1-a"}, `x"`: nil, "": nil, "x.y": nil}
	d.described["x"] = description{documents: []*contract.Document{{Rows: rows}}}
	for line, want := range map[string][]string{
		"n.rpc.":                 {"x", `["x.y"]`},
		"n.rpc.x":                {"x"},
		`n.rpc["`:                {`x"]`, `x.y"]`},
		"n.rpc.x.":               {"xy"},
		"n.rpc.x.xy(":            {"y="},
		`n.rpc.x.xy.at("`:        {`vm1/1-a")`},
		`n.rpc.x.xy.at("v")(`:    {"y="},
		"n.rpc.x.xy.call_async(": {"y="},
	} {
		if _, got, _ := s.complete(line, len(line)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	for i := range 10_000 {
		rows = append(rows, contract.Row{Kind: "rpc", Call: "m" + strings.Repeat("i", i%90)})
	}
	d.described["x"] = description{documents: []*contract.Document{{Rows: rows}}}
	if _, got, _ := s.complete("n.rpc.x.m", len("n.rpc.x.m")); len(got) != 90 {
		t.Errorf("got %d names, want 90", len(got))
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	s := new(Shell)
	_, end := s.begin(t.Context())
	defer end()
	positional := func(name string) contract.Parameter { return contract.Parameter{Name: name, Kind: "positional"} }
	s.directory.described["o"] = description{documents: []*contract.Document{
		{Rows: []contract.Row{{Kind: "rpc", Call: "get", Parameters: []contract.Parameter{positional("old")}}}},
		{Rows: []contract.Row{{Kind: "rpc", Call: "get", Parameters: []contract.Parameter{positional("id"), positional("year"), {Name: "limit", Kind: "keyword"}}}}},
	}}
	session := s.directory.life
	if _, err := s.evalText(session, "lambda one, two: one"); err != nil {
		t.Fatal(err)
	}
	s.globals["f"] = s.globals["_"]
	for line, want := range map[string][]string{
		"n.rpc.o.get(":                  {"id=", "year=", "limit="},
		"n.rpc.o.get(1, ":               {"year=", "limit="},
		"n.rpc.o.get(year=1, ":          {"id=", "limit="},
		"n.rpc.o.get([1, 2], limit=3, ": {"year="},
		`n.rpc.o.get("a, (b", `:         {"year=", "limit="},
		"n.rpc.o.get(\"it's\", y":       {"year="},
		"n.rpc.o.get(1, year=rep":       {"repr"},
		"n.rpc.o.get(1, 2 + rep":        {"repr"},
		"str(n.rpc.o.get(id=":           nil,
		"str(n.rpc.o.get(1), rep":       {"repr"},
		"n.rpc.o.get('n.rpc.":           nil,
		"# n.rpc.o.get(n.":              nil,
		"f(":                            {"one=", "two="},
		"f(1, t":                        {"two=", "table", "time", "tuple", "type"},
		"n.rpc.p.get(rep":               {"repr"},
		"n.rpc.o.get({'a': [rep":        {"repr"},
		"]) n.rpc.o.get(1, 2, ":         {"limit="},
	} {
		_, got, _ := s.complete(line, len(line))
		if line == "str(n.rpc.o.get(id=" { // any name fits
			if slices.Contains(got, "id=") || !slices.Contains(got, "print") {
				t.Errorf("%s: got %q", line, got)
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	s.above = "n.rpc.o.get(\n  1, # (one\n"
	if _, got, _ := s.complete("  ", 2); !slices.Equal(got, []string{"year=", "limit="}) {
		t.Errorf("got %q in the second line of a call", got)
	}
}

func (s *Shell) evalText(ctx context.Context, text string) (v any, err error) {
	expr, err := options().ParseExpr("", text, 0)
	if err != nil {
		return nil, err
	}
	return s.eval(ctx, ctx, expr)
}
