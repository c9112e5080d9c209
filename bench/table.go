package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// tables returns what was measured as Markdown.
func (s *session) tables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.preface())
	for _, g := range s.measured {
		b.WriteString("\n" + heading(g.title) + g.tables(""))
	}
	if claims := s.claims(); claims != "" {
		b.WriteString("\n" + heading(expected) + claimsHead + claims)
	}
	return b.String()
}

// tables returns what was measured of a group; when says so in a line of its own.
func (g *group) tables(when string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", g.about)
	if when != "" {
		fmt.Fprintf(&b, "\n%s\n", when)
	}
	for _, at := range g.scenarios {
		g.table(&b, at)
	}
	if g.text != "" {
		b.WriteString("\n" + g.text)
	}
	return b.String()
}

// claims returns the lines of what was expected.
func (s *session) claims() string {
	var b strings.Builder
	for _, g := range s.measured {
		for _, c := range g.claims {
			g.claim(&b, c)
		}
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
	return fmt.Sprintf("Measured %s, on %d cores%s of %s/%s, %s, in %s: medians of %d rounds of %s each, ratios as median [lowest..highest].",
		s.began.UTC().Format("2006-01-02 15:04"), runtime.NumCPU(), cpu, runtime.GOOS, runtime.GOARCH, runtime.Version(),
		time.Since(s.began).Round(time.Second), s.rounds, s.duration)
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
	unit := g.unit
	if unit == "" {
		unit = "calls"
	}
	fmt.Fprintf(b, "\n### %s\n\n", at.name)
	fmt.Fprintf(b, "| | %s/s | × %s | p50 µs | p99 µs | client CPU µs | server CPU µs | broker CPU µs | all CPU µs | client allocations | server allocations |\n", unit, g.contestants[0].name)
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, c := range g.contestants {
		e := g.entries[key(at.name, c.name)]
		us := func(f func(sample) time.Duration) string {
			return fmt.Sprintf("%.0f", e.median(func(s sample) float64 { return float64(f(s)) / 1000 }))
		}
		broker, client, server := "–", "–", "–"
		if c.broker != "" {
			broker = us(func(s sample) time.Duration { return s.broker })
		}
		if !c.python() {
			client = fmt.Sprintf("%.0f", e.median(func(s sample) float64 { return s.client.allocs }))
			server = fmt.Sprintf("%.0f", e.median(func(s sample) float64 { return s.server.allocs }))
		}
		fmt.Fprintf(b, "| %s | %.0f | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", c.name,
			e.median(rate.of), e.over(base, rate),
			us(func(s sample) time.Duration { return s.p50 }), us(func(s sample) time.Duration { return s.p99 }),
			us(func(s sample) time.Duration { return s.client.cpu }), us(func(s sample) time.Duration { return s.server.cpu }), broker,
			us(func(s sample) time.Duration { return time.Duration(totalCPU.of(s)) }),
			client, server)
	}
}

// claim writes what was expected and what was measured, if both sides were.
func (g *group) claim(b *strings.Builder, c claim) {
	e, base := g.entries[key(c.scenario, c.contestant)], g.entries[key(c.scenario, c.base)]
	if e == nil || len(e.samples) == 0 {
		return
	}
	var got ratio
	beside, wanted, format := c.base, fmt.Sprintf("%.2g", c.ratio), ratio.String
	switch {
	case c.base == "":
		got, beside, wanted, format = e.spread(c.figure), "–", fmt.Sprintf("%.0f", c.ratio), ratio.whole
	case base == nil || len(base.samples) == 0:
		return
	default:
		got = e.over(base, c.figure)
	}
	sign, verdict := "≥", "met"
	median := math.Round(got.median*100) / 100 // as the table prints it
	missed := median < c.ratio
	if c.figure.less {
		missed, sign = median > c.ratio, "≤"
	}
	if missed {
		verdict = "**missed**"
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s %s %s | %s | %s |\n", c.scenario, c.contestant, beside, c.figure.name, sign, wanted, format(got), verdict)
}
