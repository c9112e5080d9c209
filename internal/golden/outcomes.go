package golden

import (
	"maps"
	"slices"
	"testing"
)

// Outcomes are the results of replayed vectors: the difference by the vector's name, "" if it was
// equal.
type Outcomes map[string]string

// Note adds the result of a replay. A vector that was different once, for example on one of two
// brokers, stays different.
func (o Outcomes) Note(vector, difference string) {
	if o[vector] == "" {
		o[vector] = difference
	}
}

// Rows returns the rows of the vectors of a group. purposes has the reasons of vectors that are
// different on purpose. Rows fails t if a vector was not replayed, if one is different without a
// reason, and if one with a reason is equal.
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
