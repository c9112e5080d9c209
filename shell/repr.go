package shell

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// str returns what Python's str returns for a value.
func str(v starlark.Value) string {
	if s, ok := v.(starlark.String); ok {
		return string(s)
	}
	return repr(v)
}

// repr returns what Python's repr returns for a value.
func repr(v starlark.Value) string {
	var p printer
	p.value(v)
	return p.String()
}

func toStr(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value = starlark.String("")
	err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 0, &v)
	return starlark.String(str(v)), err
}

func toRepr(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value = starlark.None
	err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &v)
	return starlark.String(repr(v)), err
}

// A printer writes values as Python does.
type printer struct {
	strings.Builder
	within map[starlark.Value]bool // the lists and dicts that enclose the value
	limit  int                     // of the text in bytes, after which it may stay unfinished; 0 is none
}

// full reports whether the text is over its limit.
func (p *printer) full() bool { return p.limit > 0 && p.Len() > p.limit }

func (p *printer) value(v starlark.Value) {
	switch v := v.(type) {
	case starlark.String:
		p.quote(string(v))
	case starlark.Float:
		p.WriteString(float(float64(v)))
	case starlark.Tuple:
		p.sequence("(", v, ")")
	case *starlark.List:
		p.nested(v, "[...]", func() { p.sequence("[", v, "]") })
	case *starlark.Dict:
		p.nested(v, "{...}", func() { p.dict(v) })
	case *starlark.Set:
		if v.Len() == 0 {
			p.WriteString("set()")
			return
		}
		p.sequence("{", v, "}")
	default: // None, True, ints, bytes, functions, values behind n
		p.WriteString(v.String())
	}
}

// nested writes a container, or cycle if the container contains itself.
func (p *printer) nested(v starlark.Value, cycle string, write func()) {
	if p.within[v] {
		p.WriteString(cycle)
		return
	}
	if p.within == nil {
		p.within = map[starlark.Value]bool{}
	}
	p.within[v] = true
	write()
	delete(p.within, v)
}

func (p *printer) sequence(left string, v starlark.Iterable, right string) {
	p.WriteString(left)
	n := 0
	for item := range starlark.Elements(v) {
		if n > 0 {
			p.WriteString(", ")
		}
		if p.full() {
			return
		}
		p.value(item)
		n++
	}
	if n == 1 && left == "(" {
		p.WriteByte(',')
	}
	p.WriteString(right)
}

func (p *printer) dict(v *starlark.Dict) {
	p.WriteByte('{')
	for i, item := range v.Items() {
		if i > 0 {
			p.WriteString(", ")
		}
		if p.full() {
			return
		}
		p.value(item[0])
		p.WriteString(": ")
		p.value(item[1])
	}
	p.WriteByte('}')
}

// quote writes s in single quotes, or in double quotes if that avoids escapes.
func (p *printer) quote(s string) {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	p.WriteRune(quote)
	for i, r := range s {
		if p.limit > 0 && i > p.limit {
			return
		}
		switch {
		case r == quote || r == '\\':
			p.WriteByte('\\')
			p.WriteRune(r)
		case r == '\n':
			p.WriteString(`\n`)
		case r == '\r':
			p.WriteString(`\r`)
		case r == '\t':
			p.WriteString(`\t`)
		case unicode.IsPrint(r) && r != utf8.RuneError:
			p.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(p, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(p, `\u%04x`, r)
		default:
			fmt.Fprintf(p, `\U%08x`, r)
		}
	}
	p.WriteRune(quote)
}

// float returns the shortest text of f, with a point or an exponent: 2.0, 1e+16, 1e-05, inf.
func float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+")
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
