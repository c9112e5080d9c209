package printable_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/printable"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ü, 漢, 👩‍🚀":   "plain, ü, 漢, 👩‍🚀",
		"a\nb\tc\rd":         `a\nb\tc\rd`,
		"\x1b[2J\x1b]0;x\a":  `\x1b[2J\x1b]0;x\x07`,
		"\u009b31m\x7f":      `\u009b31m\x7f`,
		"\u202egpj.exe":      `\u202egpj.exe`,
		"\u2028\u2066\ufeff": `\u2028\u2066\ufeff`,
		"\U000e0041":         `\U000e0041`,
		"\xff\xc3(":          `\xff\xc3(`,
		"\ufffd":             "\ufffd",
		"":                   "",
	} {
		if got := printable.Text(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	if got, want := printable.Lines("a\n\tb\r\n\x1b"), "a\n\tb\\r\n\\x1b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// JSON stays valid and keeps its value.
func TestJSON(t *testing.T) {
	text := "{\"a\":\n\t\"\u009b\u202e\x7f\U000e0041ü\\n\"}"
	got := printable.JSON(text)
	if want := "{\"a\":\n\t\"\\u009b\\u202e\\u007f\\udb40\\udc41ü\\n\"}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var before, after any
	if err := json.Unmarshal([]byte(text), &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &after); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("got %v, %v, want %v", after, err, before)
	}
	if got := printable.JSON("\"\xff\""); got != `"\ufffd"` {
		t.Errorf("got %s", got)
	}
}

// Characters may be split between writes.
func TestWriter(t *testing.T) {
	text := "ü漢👩\x1b\xff\u202e\n\xc3\xff"
	for size := 1; size <= len(text); size++ {
		var b strings.Builder
		w := printable.NewWriter(&b, printable.Lines)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if got, err := w.Write([]byte(rest[:n])); got != n || err != nil {
				t.Fatalf("got %d, %v, want %d", got, err, n)
			}
			rest = rest[n:]
		}
		if want := "ü漢👩\\x1b\\xff\\u202e\n\\xc3\\xff"; b.String() != want {
			t.Errorf("writes of %d bytes: got %q, want %q", size, b.String(), want)
		}
	}
}
