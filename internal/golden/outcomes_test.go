package golden_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/internal/golden"
)

// A recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB
	errors []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// These fail the test: a difference without a reason, a reason without a difference, a vector
// without a replay, and a reason without a vector.
func TestRows(t *testing.T) {
	t.Parallel()
	found := golden.Outcomes{}
	for vector, differences := range map[string][]string{"same": {"", ""}, "meant": {"", "more"}, "unmeant": {"less", ""}, "gone": {"", ""}} {
		for _, d := range differences { // on each broker
			found.Note(vector, d)
		}
	}
	purposes := map[string]string{"meant": "on purpose", "gone": "was so", "nowhere": "never was"}
	r := &recorder{TB: t}
	rows := found.Rows(r, "g", []string{"same", "meant", "unmeant", "gone", "missing"}, purposes)
	want := []string{
		"g: unmeant is different:\nless",
		"g: gone is equal, but should be different: was so",
		"g: missing was not replayed",
		"g: nowhere is different on purpose, but there is no such vector",
	}
	if !slices.Equal(r.errors, want) {
		t.Errorf("got %q, want %q", r.errors, want)
	}
	if got := rows[:2]; got[0] != (golden.Row{Group: "g", Vector: "same"}) || got[1] != (golden.Row{Group: "g", Vector: "meant", Differs: "on purpose"}) {
		t.Errorf("got %+v", got)
	}
}
