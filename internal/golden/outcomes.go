package golden

import (
	"maps"
	"slices"
	"testing"
)

// Outcomes contains the results of replayed vectors: the difference by the vector's name, or "" if
// the vector was equal.
type Outcomes map[string]string

// Note records the result of a replay. A vector that differed once, for example on one of two
// brokers, stays different.
func (o Outcomes) Note(vector, difference string) {
	if o[vector] == "" {
		o[vector] = difference
	}
}

// Rows returns the rows for the vectors of a group. purposes contains the reasons why vectors
// differ intentionally. It fails the test if a vector was not replayed, if one differs without a
// reason, or if one with a reason is equal.
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
