package main

import (
	"fmt"
	"os"
	"strings"
)

// The tables stand between these lines of a page; what is around them is kept by hand.
const (
	tablesBegin = "<!-- Written by `make bench ARGS=\"-write ../docs/bench.md\"` from here -->\n"
	tablesEnd   = "<!-- to here -->\n"
)

// expected is the title of the last section, and claimsHead how it begins.
const (
	expected   = "What is expected"
	claimsHead = "\n| load | of | beside | expected ratio | measured | |\n|---|---|---|--:|--:|---|\n"
)

func heading(title string) string { return "## " + title + "\n" }

// update puts what was measured into a page: all, or only the groups of this session in the place
// of what the page has of them.
func (s *session) update(page string, all bool) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(old), tablesBegin)
	tables, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q, between which the tables would stand", page, tablesBegin, tablesEnd)
	}
	if all {
		tables = "\n" + s.tables() + "\n"
	} else {
		for _, g := range s.measured {
			tables = replaced(tables, g.title, g.tables(s.preface()))
		}
		tables = replaced(tables, expected, claimsHead+merged(section(tables, expected), s.claims()))
	}
	return os.WriteFile(page, []byte(before+tablesBegin+tables+tablesEnd+after), 0o644)
}

// bounds returns where the text of a section begins and ends; a page without it is cut where it
// would stand, before what is expected.
func bounds(page, title string) (from, to int, ok bool) {
	at := strings.Index(page, "\n"+heading(title))
	if at < 0 {
		if at = strings.Index(page, "\n"+heading(expected)); at < 0 {
			at = len(page)
		}
		return at, at, false
	}
	from, to = at+len("\n"+heading(title)), len(page)
	if next := strings.Index(page[from:], "\n## "); next >= 0 {
		to = from + next
	}
	return from, to, true
}

// section returns the text of a section.
func section(page, title string) string {
	from, to, _ := bounds(page, title)
	return page[from:to]
}

// replaced returns page with another text for a section, which is added if it is not there.
func replaced(page, title, text string) string {
	from, to, ok := bounds(page, title)
	if !ok {
		text = "\n" + heading(title) + text
	}
	if to == len(page) {
		text += "\n"
	}
	return page[:from] + text + page[to:]
}

// merged returns the lines of a table of claims, of which the new ones take the place of the old
// ones for the same load and contestants.
func merged(old, lines string) string {
	subject := func(line string) string { return strings.Join(strings.SplitN(line, "|", 5)[:4], "|") }
	isNew := make(map[string]bool)
	for line := range strings.Lines(lines) {
		isNew[subject(line)] = true
	}
	var kept strings.Builder
	_, rows, _ := strings.Cut(old, claimsHead)
	for line := range strings.Lines(rows) {
		if strings.HasPrefix(line, "| ") && !isNew[subject(line)] {
			kept.WriteString(line)
		}
	}
	return kept.String() + lines
}
