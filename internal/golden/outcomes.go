package golden

import (
	"maps"
	"slices"
	"testing"
)

// Outcomes are what replays of vectors came to: by the vector's name in what it was different, "" in nothing.
type Outcomes map[string]string

// Note adds what one replay came to. What was different once, on one of two brokers say, is different.
func (o Outcomes) Note(vector, difference string) {
	if o[vector] == "" {
		o[vector] = difference
	}
}

// Rows returns the rows of the vectors of a group. purposes has those that are different on purpose, and why. It fails t
// for a vector that was not replayed, one that is different and has no purpose, and one that has one and is equal.
func (o Outcomes) Rows(t testing.TB, group string, vectors []string, purposes map[string]string) (rows []Row) {
	t.Helper()
	for _, name := range vectors {
		difference, replayed := o[name]
		purpose := purposes[name]
		switch {
		case !replayed:
			t.Errorf("%s: %s was not replayed", group, name)
		case difference != "" && purpose == "":
			t.Errorf("%s: %s is different:\n%s", group, name, difference)
		case difference == "" && purpose != "":
			t.Errorf("%s: %s is equal, but should be different: %s", group, name, purpose)
		}
		rows = append(rows, Row{Group: group, Vector: name, Differs: purpose})
	}
	for _, name := range slices.Sorted(maps.Keys(purposes)) {
		if !slices.Contains(vectors, name) {
			t.Errorf("%s: %s is different on purpose, but there is no such vector", group, name)
		}
	}
	return rows
}
