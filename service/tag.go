package service

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/nearest"
)

// A Tag is the tag of a struct's field: of a row, a dependency, or a func of a typed client.
type Tag struct {
	pairs  []pair
	common []string // the keys of every row or dependency
}

type pair struct{ key, value string }

// rowKeys are the keys that every row may have, and fieldKeys those of every dependency. The
// container reads them.
var rowKeys = []string{"method", "timeout", "max_workers", "sensitive", "lenient", "isolate", "memory", "doc", "allow", "confirm"}

var fieldKeys = []string{"doc"}

// ParseTag parses a tag: key:"value" pairs separated by spaces. Unlike reflect.StructTag, it
// returns an error if the tag is malformed, or has a key twice.
func ParseTag(text string) (Tag, error) {
	var t Tag
	for rest := strings.TrimSpace(text); rest != ""; {
		key, after, ok := strings.Cut(rest, ":")
		if !ok || key == "" || strings.ContainsAny(key, " \t\"") {
			return t, malformed(rest)
		}
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil || quoted[0] != '"' {
			return t, malformed(rest)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return t, malformed(rest)
		}
		if _, twice := t.lookup(key); twice {
			return t, fmt.Errorf("the tag has the key %s twice: remove one", key)
		}
		t.pairs = append(t.pairs, pair{key, value})
		rest = after[len(quoted):]
		if rest != "" && rest[0] != ' ' {
			return t, malformed(rest)
		}
		rest = strings.TrimLeft(rest, " ")
	}
	return t, nil
}

func malformed(at string) error {
	return fmt.Errorf("malformed tag at %q: write key:\"value\" pairs with a space between them", at)
}

// Get returns the value of a key, "" if the tag does not have it.
func (t Tag) Get(key string) string {
	value, _ := t.lookup(key)
	return value
}

// Flag returns the value of a key that is "true" or "false", and fallback if the tag does not have
// it. The error, for any other value, says what to write.
func (t Tag) Flag(key string, fallback bool) (bool, error) {
	text := t.Get(key)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return fallback, fmt.Errorf(`%s: must be "true" or "false", not %q`, key, text)
	}
	return value, nil
}

// Keys returns an error for each key of the tag that is not known, with the nearest known one. The
// keys that every row may have, method, timeout, max_workers, sensitive, lenient, isolate, memory,
// doc, allow and confirm, are known for the tag of a row, and doc for that of a dependency.
func (t Tag) Keys(known ...string) error {
	known = slices.Concat(known, t.common)
	var mistakes []error
	for _, p := range t.pairs {
		if slices.Contains(known, p.key) {
			continue
		}
		remedy := "known keys: " + strings.Join(known, ", ")
		if len(known) == 0 {
			remedy = "remove it"
		}
		if near := nearest.Likely(p.key, known); near != "" {
			remedy = "did you mean " + near + "?"
		}
		mistakes = append(mistakes, fmt.Errorf("unknown key %s in its tag: %s", p.key, remedy))
	}
	return errors.Join(mistakes...)
}

func (t Tag) lookup(key string) (string, bool) {
	for _, p := range t.pairs {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}
