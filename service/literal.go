package service

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// literal reads a Python literal: an int (int64, beyond it *big.Int), float64, string, bool, nil for None,
// []any for a list, map[string]any for a dict.
func (s *scanner) literal() (any, error) {
	switch c := s.peek(); {
	case c == '\'' || c == '"':
		return s.quoted()
	case c == '[':
		return s.listLiteral()
	case c == '{':
		return s.dictLiteral()
	case c == '(':
		return nil, fmt.Errorf("a default cannot be a tuple: write a list, in [ and ]")
	case c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9':
		return s.number()
	}
	start := s.pos
	switch word := s.identifier(); word {
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
		return nil, fmt.Errorf("%s is no Python literal: write %s", word, python)
	default:
		s.pos = start
		return nil, fmt.Errorf("no Python literal at %s: write a number, 'text', True, False, None, a list or a dict", s.rest())
	}
}

func (s *scanner) listLiteral() (any, error) {
	list := []any{}
	s.pos++
	for !s.take("]") {
		v, err := s.literal()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if err := s.separator("]"); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *scanner) dictLiteral() (any, error) {
	dict := map[string]any{}
	s.pos++
	for !s.take("}") {
		if c := s.peek(); c != '\'' && c != '"' {
			return nil, fmt.Errorf("the key of a dict must be a string, at %s", s.rest())
		}
		key, err := s.quoted()
		if err != nil {
			return nil, err
		}
		if !s.take(":") {
			return nil, fmt.Errorf("expected : after a key, at %s", s.rest())
		}
		if dict[key], err = s.literal(); err != nil {
			return nil, err
		}
		if err := s.separator("}"); err != nil {
			return nil, err
		}
	}
	return dict, nil
}

func (s *scanner) number() (any, error) {
	start := s.pos
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		sign := (c == '-' || c == '+') && (s.pos == start || strings.ContainsRune("eE", rune(s.text[s.pos-1])))
		if !sign && c != '.' && c != '_' && !('0' <= c && c <= '9') && !('a' <= c|0x20 && c|0x20 <= 'z') {
			break
		}
		s.pos++
	}
	text := s.text[start:s.pos]
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
	return nil, fmt.Errorf("%s is no number", text)
}

// octal reports whether text begins as C's octal numbers do, which Python refuses: 010.
func octal(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9' && !strings.ContainsAny(digits, ".eE")
}

// escapes are those of Python's strings that stand for one character; \x, \u and \U take hexadecimal digits.
var escapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': "\"", 'n': "\n", 't': "\t", 'r': "\r",
	'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '0': "\x00",
}

func (s *scanner) quoted() (string, error) {
	s.peek()
	quote, start := s.text[s.pos], s.pos
	var b strings.Builder
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; c {
		case quote:
			s.pos++
			return b.String(), nil
		case '\\':
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			b.WriteString(r)
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("string without its closing quote: %s", s.text[start:])
}

// escape reads what stands after a backslash, and stops at its last character.
func (s *scanner) escape() (string, error) {
	s.pos++
	if s.pos == len(s.text) {
		return "", fmt.Errorf("string ends in a backslash: %s", s.text)
	}
	c := s.text[s.pos]
	if r, ok := escapes[c]; ok {
		return r, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits > 0 && s.pos+digits < len(s.text) {
		code, err := strconv.ParseUint(s.text[s.pos+1:s.pos+1+digits], 16, 32)
		if err == nil && utf8.ValidRune(rune(code)) {
			s.pos += digits
			return string(rune(code)), nil
		}
	}
	return "", fmt.Errorf(`unknown escape \%c in %s`, c, s.text)
}

// repr returns what Python's repr does of the values that literal reads.
func repr(v any) string {
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
			items[i] = repr(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for key, item := range v {
			items = append(items, repr(key)+": "+repr(item))
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

// store converts what literal has read to the type of dst, which it sets.
func store(dst reflect.Value, v any) error {
	t := dst.Type()
	misfit := fmt.Errorf("default %s does not fit %s", repr(v), t)
	switch {
	case v == nil:
		switch t.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			dst.SetZero()
			return nil
		}
		return fmt.Errorf("%w: make it *%s", misfit, t)
	case t == reflect.TypeFor[any]():
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, dst.Addr().Interface())
	}
	if err != nil {
		return misfit
	}
	return nil
}
