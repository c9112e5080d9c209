package main

import (
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

// TestBench measures what needs neither RabbitMQ, PostgreSQL nor Nameko, much too briefly to tell anything but that it works.
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
	for _, want := range []string{"### rpc/64/64KiB", "| floor, embedded broker |", "| gRPC |", "| flat/waiting |", "### jobs/throughput"} {
		if !strings.Contains(tables, want) {
			t.Errorf("no %s in:\n%s", want, tables)
		}
	}
}

func TestUpdate(t *testing.T) {
	page := filepath.Join(t.TempDir(), "bench.md")
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + tablesBegin + "old\n" + tablesEnd + "after\n")
	for range 2 {
		if err := update(page, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if want := "before\n" + tablesBegin + "\nnew\n\n" + tablesEnd + "after\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	write("by hand\n")
	if err := update(page, "new\n"); err == nil {
		t.Error("a page without the two lines was replaced")
	}
}

func TestChoose(t *testing.T) {
	g := rpcGroup()
	g.choose(regexp.MustCompile("^rpc/64/"), regexp.MustCompile("^gRPC$"))
	if len(g.scenarios) != 3 || len(g.contestants) != 2 || g.contestants[0].name != raw || g.contestants[1].name != "gRPC" {
		t.Errorf("got %d scenarios of %v", len(g.scenarios), g.contestants)
	}
}
