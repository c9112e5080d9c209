package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// page returns the tables as Markdown.
func (s *session) page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmark\n\n%s\n", s.preface())
	for _, g := range s.measured {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.title, g.about)
		for _, at := range g.scenarios {
			g.table(&b, at)
		}
		if g.text != "" {
			b.WriteString("\n" + g.text)
		}
	}
	var claims strings.Builder
	for _, g := range s.measured {
		for _, c := range g.claims {
			g.claim(&claims, c)
		}
	}
	if claims.Len() > 0 {
		b.WriteString("\n## What is expected\n\n| load | contestant | beside | expected | measured |\n|---|---|---|--:|--:|\n" + claims.String())
	}
	return b.String()
}

func (s *session) preface() string {
	cpu := ""
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			cpu = " (" + strings.TrimSpace(model) + ")"
			break
		}
	}
	return fmt.Sprintf("Measured %s by `make bench`, on %d cores%s of %s/%s, %s, in %s, with all processes on this one machine, which other work shares. "+
		"So read the ratios, which are taken inside a round, and the CPU that a call takes; rates are this machine's. "+
		"Medians of %d rounds of %s each, [lowest..highest]; a ratio whose range straddles 1 shows nothing.",
		s.began.UTC().Format("2006-01-02 15:04"), runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH, runtime.Version(),
		time.Since(s.began).Round(time.Minute), s.rounds, s.duration)
}

// table writes what was measured in a scenario.
func (g *group) table(b *strings.Builder, at scenario) {
	if len(g.contestants) == 0 {
		return
	}
	base := g.entries[key(at.name, g.contestants[0].name)]
	if base == nil || len(base.samples) == 0 {
		return
	}
	fmt.Fprintf(b, "\n### %s\n\n", at.name)
	fmt.Fprintf(b, "| | a second | to %s | p50 µs | p99 µs | client CPU µs | server CPU µs | broker CPU µs | allocations, client/server |\n", g.contestants[0].name)
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range g.contestants {
		e := g.entries[key(at.name, c.name)]
		us := func(f func(sample) time.Duration) float64 {
			return e.median(func(s sample) float64 { return float64(f(s)) / 1000 })
		}
		fmt.Fprintf(b, "| %s | %.0f | %s | %.0f | %.0f | %.1f | %.1f | %.1f | %.0f/%.0f |\n", c.name,
			e.median(rate), e.over(base, rate),
			us(func(s sample) time.Duration { return s.p50 }), us(func(s sample) time.Duration { return s.p99 }),
			us(func(s sample) time.Duration { return s.client.cpu }), us(func(s sample) time.Duration { return s.server.cpu }),
			us(func(s sample) time.Duration { return s.broker }),
			e.median(func(s sample) float64 { return s.client.allocs }), e.median(func(s sample) float64 { return s.server.allocs }))
	}
}

// claim writes what was expected and what was measured, if both sides were.
func (g *group) claim(b *strings.Builder, c claim) {
	e, base := g.entries[key(c.scenario, c.contestant)], g.entries[key(c.scenario, c.base)]
	if e == nil || base == nil || len(e.samples) == 0 || len(base.samples) == 0 {
		return
	}
	what, expected := rate, fmt.Sprintf("rate ≥ %.2g", c.ratio)
	if c.ratio < 0 {
		what, expected = p50, fmt.Sprintf("p50 ≤ %.2g", -c.ratio)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c.scenario, c.contestant, c.base, expected, e.over(base, what))
}
