package signature

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Literal parses a Python literal. An int becomes an int64, or a *big.Int if it is larger; a float
// becomes a float64, None nil, a list a []any, and a dict a map[string]any.
func Literal(text string) (any, error) {
	r := &reader{text: text}
	v, err := r.literal()
	if err == nil && r.peek() != 0 {
		err = fmt.Errorf("unexpected %s", r.rest())
	}
	return v, err
}

func (r *reader) literal() (any, error) {
	switch c := r.peek(); {
	case c == '\'' || c == '"':
		return r.quoted()
	case c == '[':
		return r.listLiteral()
	case c == '{':
		return r.dictLiteral()
	case c == '(':
		return nil, errors.New("a default cannot be a tuple: write a list, as in [1, 2]")
	case c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9':
		return r.number()
	}
	start := r.pos
	switch word := r.identifier(); word {
	case "None":
		return nil, nil
	case "True":
		return true, nil
	case "False":
		return false, nil
	case "true", "false", "null", "nil", "none":
		python := map[string]string{"true": "True", "false": "False"}[word]
		if python == "" {
			python = "None"
		}
		return nil, fmt.Errorf("%s is not a Python literal: write %s", word, python)
	default:
		r.pos = start
		return nil, fmt.Errorf("expected a Python literal at %s: a number, 'text', True, False, None, a list or a dict", r.rest())
	}
}

func (r *reader) listLiteral() (any, error) {
	list := []any{}
	r.pos++
	for !r.take("]") {
		v, err := r.literal()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if err := r.separator("]"); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *reader) dictLiteral() (any, error) {
	dict := map[string]any{}
	r.pos++
	for !r.take("}") {
		if c := r.peek(); c != '\'' && c != '"' {
			return nil, fmt.Errorf("expected a string as the key of a dict at %s", r.rest())
		}
		key, err := r.quoted()
		if err != nil {
			return nil, err
		}
		if !r.take(":") {
			return nil, fmt.Errorf("expected : after a key at %s", r.rest())
		}
		if dict[key], err = r.literal(); err != nil {
			return nil, err
		}
		if err := r.separator("}"); err != nil {
			return nil, err
		}
	}
	return dict, nil
}

func (r *reader) number() (any, error) {
	start := r.pos
	for r.pos < len(r.text) {
		c := r.text[r.pos]
		sign := (c == '-' || c == '+') && (r.pos == start || strings.ContainsRune("eE", rune(r.text[r.pos-1])))
		if !sign && c != '.' && c != '_' && !('0' <= c && c <= '9') && !('a' <= c|0x20 && c|0x20 <= 'z') {
			break
		}
		r.pos++
	}
	text := r.text[start:r.pos]
	if n, ok := new(big.Int).SetString(text, 0); ok && !octal(text) {
		if n.IsInt64() {
			return n.Int64(), nil
		}
		return n, nil
	}
	if digits := strings.TrimLeft(text, "+-"); !octal(text) && digits != "" && !strings.ContainsAny(digits, "xXpPnN") {
		if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%s is not a number", text)
}

// octal reports whether text looks like an octal number of C, which Python rejects: 010.
func octal(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' && !strings.ContainsAny(digits, ".eE")
}

// escapes are Python's escapes of one letter. Three more take hexadecimal digits: \x, \u and \U.
var escapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': "\"", 'n': "\n", 't': "\t", 'r': "\r",
	'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '0': "\x00",
}

func (r *reader) quoted() (string, error) {
	r.peek()
	quote, start := r.text[r.pos], r.pos
	var b strings.Builder
	for r.pos++; r.pos < len(r.text); r.pos++ {
		switch c := r.text[r.pos]; c {
		case quote:
			r.pos++
			return b.String(), nil
		case '\\':
			text, err := r.escape()
			if err != nil {
				return "", err
			}
			b.WriteString(text)
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("string without a closing quote: %s", r.text[start:])
}

// escape reads the rest of an escape after its backslash, and stops at its last character.
func (r *reader) escape() (string, error) {
	r.pos++
	if r.pos == len(r.text) {
		return "", fmt.Errorf("string ends in a backslash: %s", r.text)
	}
	c := r.text[r.pos]
	if text, ok := escapes[c]; ok {
		return text, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits > 0 && r.pos+digits < len(r.text) {
		code, err := strconv.ParseUint(r.text[r.pos+1:r.pos+1+digits], 16, 32)
		if err == nil && utf8.ValidRune(rune(code)) {
			r.pos += digits
			return string(rune(code)), nil
		}
	}
	return "", fmt.Errorf(`unknown escape \%c in %s`, c, r.text)
}

// Repr writes a value of [Literal] as Python's repr does.
func Repr(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return reprString(v)
	case float64:
		return reprFloat(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = Repr(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for key, item := range v {
			items = append(items, Repr(key)+": "+Repr(item))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}

func reprFloat(f float64) string {
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		format = 'e'
	}
	text := strconv.FormatFloat(f, format, -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

func reprString(text string) string {
	quote := '\''
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range text {
		switch {
		case r == quote || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}
