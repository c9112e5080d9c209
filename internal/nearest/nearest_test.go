package nearest_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/nearest"
)

func TestLikely(t *testing.T) {
	t.Parallel()
	known := []string{"timeout", "max_workers", "method", "rpc"}
	for name, want := range map[string]string{
		"timeot":      "timeout",
		"TIMEOUT":     "timeout",
		"max_wrokers": "max_workers",
		"rcp":         "rpc",
		"prc":         "rpc",
		"pcr":         "",
		"rp":          "rpc",
		"retry":       "",
		"":            "",
	} {
		if got := nearest.Likely(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	if got := nearest.Likely("timeout", nil); got != "" {
		t.Errorf("got %q of no candidates, want none", got)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, want string
		edits      int
	}{
		{"kitten", "sitting", 3},
		{"sitting", "sitting", 0},
		{"x", "sit", 3},
		{"ist", "sit", 1},
	} {
		if got, edits := nearest.Name(tc.name, []string{"sitting", "sit"}); got != tc.want || edits != tc.edits {
			t.Errorf("%s: got %s after %d edits, want %s after %d", tc.name, got, edits, tc.want, tc.edits)
		}
	}
}
