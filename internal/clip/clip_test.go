package clip_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/clip"
)

func TestText(t *testing.T) {
	for _, test := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc…"}, {"aé", 2, "a…"}, {"🚀", 3, "…"}, {"a\x80\x80\x80\x80\x80\x80", 6, "a\x80…"}, {"x", 0, "…"},
	} {
		if got := clip.Text(test.text, test.limit); got != test.want {
			t.Errorf("%q, %d: got %q, want %q", test.text, test.limit, got, test.want)
		}
	}
}

func TestError(t *testing.T) {
	short, long := errors.New("short"), errors.New(strings.Repeat("x", 10<<20))
	if got := clip.Error(short); got != short {
		t.Errorf("got %v, want the error itself", got)
	}
	if got, ok := clip.Error(long).(string); !ok || len(got) > clip.Log+len("…") {
		t.Errorf("got %d bytes", len(got))
	}
}
