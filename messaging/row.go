package messaging

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// pointless returns a mistake for each of the keys that the tag has although it means nothing there.
func pointless(tag service.Tag, where string, keys ...string) error {
	var mistakes []error
	for _, key := range keys {
		if tag.Get(key) != "" {
			mistakes = append(mistakes, fmt.Errorf("%s has no meaning %s", key, where))
		}
	}
	return errors.Join(mistakes...)
}

// tableOf reads a key of the tag that is a table: name=value, separated by spaces, of values that read reads.
func tableOf(tag service.Tag, key, example string, read func(string) any) (transport.Table, error) {
	var table transport.Table
	for pair := range strings.FieldsSeq(tag.Get(key)) {
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
