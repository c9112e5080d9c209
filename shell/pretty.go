package shell

import (
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

const (
	indent   = "    "
	maxDepth = 20 // of values that are split over lines
)

// pretty formats a value as repr does, but puts each item of a list or dict on its own line if it
// does not fit into width. A width of 0 means no limit.
func pretty(v starlark.Value, width int) string {
	if t, ok := v.(table); ok {
		return t.render(width)
	}
	if width <= 0 {
		return repr(v)
	}
	l := layout{width: width}
	l.value(v, 0, 0, 0)
	return l.String()
}

// A layout writes a value over several lines.
type layout struct {
	strings.Builder
	width int
}

// value writes a value that begins at column used. after is the number of characters that follow on
// its last line.
func (l *layout) value(v starlark.Value, depth, used, after int) {
	if depth >= maxDepth {
		l.WriteString(repr(v))
		return
	}
	if text, ok := reprWithin(v, l.width-used-after); ok {
		l.WriteString(text)
		return
	}
	switch v := v.(type) {
	case *starlark.Dict:
		if v.Len() > 0 {
			l.dict(v, depth)
			return
		}
	case *starlark.List:
		l.items("[", v, "]", depth)
		return
	case starlark.Tuple:
		l.items("(", v, ")", depth)
		return
	}
	l.WriteString(repr(v))
}

func (l *layout) items(left string, v starlark.Sequence, right string, depth int) {
	if v.Len() == 0 {
		l.WriteString(left + right)
		return
	}
	margin := strings.Repeat(indent, depth+1)
	l.WriteString(left + "\n")
	for item := range starlark.Elements(v) {
		l.WriteString(margin)
		l.value(item, depth+1, len(margin), 1)
		l.WriteString(",\n")
	}
	l.WriteString(margin[len(indent):] + right)
}

func (l *layout) dict(v *starlark.Dict, depth int) {
	margin := strings.Repeat(indent, depth+1)
	l.WriteString("{\n")
	for _, item := range v.Items() {
		key := repr(item[0]) + ": "
		l.WriteString(margin + key)
		l.value(item[1], depth+1, len(margin)+utf8.RuneCountInString(key), 1)
		l.WriteString(",\n")
	}
	l.WriteString(margin[len(indent):] + "}")
}

// reprWithin returns the repr of a value if it fits into n characters on one line.
func reprWithin(v starlark.Value, n int) (string, bool) {
	if n <= 0 {
		return "", false
	}
	p := printer{limit: 4 * n} // bytes
	p.value(v)
	text := p.String()
	return text, p.Len() <= p.limit && utf8.RuneCountInString(text) <= n && !strings.Contains(text, "\n")
}
