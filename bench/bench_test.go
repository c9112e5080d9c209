package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		play(name)
		return
	}
	os.Exit(m.Run())
}

// TestBench measures what needs neither RabbitMQ, PostgreSQL nor Nameko, much too briefly to tell
// anything but that it works.
func TestBench(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // each process of a race build would end a second late
	s := &session{rounds: 1, duration: 20 * time.Millisecond}
	t.Cleanup(s.brokers.close)
	t.Cleanup(s.databases.close)
	for _, g := range groups() {
		g.contestants = slices.DeleteFunc(g.contestants, func(c contestant) bool {
			return c.broker == rabbitMQ || c.store == postgreSQL || c.generated || slices.Contains(c.client, "1000000")
		})
		if g.own != nil || len(g.contestants) == 0 {
			continue
		}
		s.measured = append(s.measured, g)
		if err := s.measure(t.Context(), g); err != nil {
			t.Fatalf("%s: %v", g.title, err)
		}
		for at, e := range g.entries {
			if len(e.samples) != 1 || e.samples[0].rate <= 0 || e.samples[0].p50 <= 0 {
				t.Errorf("%q: got %+v", at, e.samples)
			}
		}
	}
	tables := s.tables()
	for _, want := range []string{"### rpc/64/64KiB", "| floor, embedded broker |", "| gRPC |", "| flat/waiting |", "### jobs/throughput", "### streams/MB/16", "| streams/items/1 | gomeko, embedded broker | – | rate ≥ 15000 |"} {
		if !strings.Contains(tables, want) {
			t.Errorf("no %s in:\n%s", want, tables)
		}
	}
}

func TestUpdate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "bench.md")
	put := func(text string, s *session, all bool) string {
		t.Helper()
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.update(page, all); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	measured := func(title string, times float64) *group {
		e := func(n float64) *entry { return &entry{samples: []sample{{rate: n}}} }
		return &group{title: title, about: "About " + title + ".", contestants: []contestant{{name: "River", server: []string{""}}, {name: "gomeko", server: []string{""}}},
			scenarios: []scenario{{name: title}}, claims: []claim{{scenario: title, contestant: "gomeko", base: "River", figure: rate, ratio: 1}},
			entries: map[string]*entry{key(title, "River"): e(1), key(title, "gomeko"): e(times)}}
	}
	empty := "before\n" + tablesBegin + "old\n" + tablesEnd + "after\n"
	both := put(empty, &session{measured: []*group{measured("a", 2), measured("b", 3)}}, true)
	for _, want := range []string{"before\n" + tablesBegin + "\nMeasured ", "\n## a\n\nAbout a.\n\n### a\n", "\n## b\n", "\n## What is expected\n" + claimsHead + "| a |", "\n\n" + tablesEnd + "after\n"} {
		if !strings.Contains(both, want) {
			t.Errorf("no %q in:\n%s", want, both)
		}
	}
	for _, titles := range [][]string{{"a", "b"}, {"b", "c"}} {
		later := both
		for i, title := range titles {
			later = put(later, &session{measured: []*group{measured(title, float64(7+i))}}, false)
			again := put(later, &session{measured: []*group{measured(title, float64(7+i))}}, false)
			if again != later {
				t.Errorf("%s is put twice:\n%s", title, again)
			}
		}
		for i, title := range titles {
			for _, want := range []string{"\n## " + title + "\n\nAbout " + title + ".\n\nMeasured ", fmt.Sprintf("| %s | gomeko | River | rate ≥ 1 | %d.00", title, 7+i)} {
				if strings.Count(later, want) != 1 {
					t.Errorf("not one %q in:\n%s", want, later)
				}
			}
		}
		if !strings.HasPrefix(later, "before\n"+tablesBegin) || !strings.HasSuffix(later, "\n\n"+tablesEnd+"after\n") {
			t.Errorf("what is around the tables has changed:\n%s", later)
		}
	}
	if err := os.WriteFile(page, []byte("by hand\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := new(session).update(page, true); err == nil {
		t.Error("a page without the two lines was replaced")
	}
}

func TestChoose(t *testing.T) {
	g := rpcGroup()
	g.choose(regexp.MustCompile("^rpc/64/"), regexp.MustCompile("^gRPC$"), false)
	if len(g.scenarios) != 3 || len(g.contestants) != 2 || g.contestants[0].name != raw || g.contestants[1].name != "gRPC" {
		t.Errorf("got %d scenarios of %v", len(g.scenarios), g.contestants)
	}
}
