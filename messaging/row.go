package messaging

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// MethodName returns the name on the wire of the row's method: name:"…" of its tag, else the method's name as Python would
// spell it, forget_user for ForgetUser.
func MethodName(f *service.Field) string {
	if name := f.Tag("name"); name != "" {
		return name
	}
	name := []rune(cmp.Or(f.Tag("method"), f.Name))
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(name[i-1]) || i+1 < len(name) && unicode.IsLower(name[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// pointless returns a mistake for each of the keys that the field's tag has although it means nothing there.
func pointless(f *service.Field, where string, keys ...string) error {
	var mistakes []error
	for _, key := range keys {
		if f.Tag(key) != "" {
			mistakes = append(mistakes, fmt.Errorf("%s has no meaning %s", key, where))
		}
	}
	return errors.Join(mistakes...)
}

// tableOf reads a key of the field's tag that is a table: name=value, separated by spaces, of values that read reads.
func tableOf(f *service.Field, key, example string, read func(string) any) (transport.Table, error) {
	var table transport.Table
	for pair := range strings.FieldsSeq(f.Tag(key)) {
		name, text, ok := strings.Cut(pair, "=")
		if !ok || name == "" || text == "" {
			return nil, fmt.Errorf(`%s: %q is no argument: write name=value with spaces between them, as in %[1]s:%[3]q`,
				key, pair, example)
		}
		if table == nil {
			table = transport.Table{}
		}
		table[name] = read(text)
	}
	return table, nil
}

// text reads what is text, whatever it looks like.
func text(s string) any { return s }

// value reads whole numbers, true, false, and else text.
func value(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	switch text {
	case "true", "false":
		return text == "true"
	}
	return text
}
