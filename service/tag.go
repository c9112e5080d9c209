package service

import (
	"fmt"
	"strconv"
	"strings"
)

// A tag is a struct tag in its order. Unlike reflect.StructTag it knows when it is malformed.
type tag []pair

type pair struct{ key, value string }

// parseTag reads pairs of key:"value", a space between.
func parseTag(text string) (tag, error) {
	var t tag
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
			return t, fmt.Errorf("tag has the key %s twice", key)
		}
		t = append(t, pair{key, value})
		rest = after[len(quoted):]
		if rest != "" && rest[0] != ' ' {
			return t, malformed(rest)
		}
		rest = strings.TrimLeft(rest, " ")
	}
	return t, nil
}

func malformed(at string) error {
	return fmt.Errorf("malformed tag at %q: write pairs as key:\"value\", a space between", at)
}

func (t tag) lookup(key string) (string, bool) {
	for _, p := range t {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}
