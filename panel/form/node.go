package form

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/constraint"
)

func (n *node) isLeaf() bool {
	k := n.shape.kind
	return n.raw || k != kindObject && k != kindList && k != kindMap
}

// isRow reports whether n is a row of a list or a map.
func (n *node) isRow() bool { return n.parent != nil && n.parent.shape.kind != kindObject }

// isCheckbox reports whether n is a bool that cannot be omitted.
func (n *node) isCheckbox() bool {
	fallback := string(n.fallback)
	return n.shape.kind == kindBool && !n.shape.nullable && (n.required || fallback == "true" || fallback == "false")
}

// title returns the name of n in its object, list or map.
func (n *node) title() string {
	if n.isRow() && n.parent.shape.kind == kindMap {
		return n.key
	}
	if n.isRow() {
		return n.step
	}
	return n.name
}

// place returns the names on the path to n, outermost first, as in a worker's pointers. There, the
// members of **kwargs are on the same level as the parameters.
func (n *node) place() []string {
	if n.parent == nil || n.more {
		return nil
	}
	return append(n.parent.place(), n.title())
}

// path returns the name of the input of n.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	if n.isRow() {
		return n.parent.path() + "/" + n.step
	}
	return n.parent.path() + "/" + escape.Replace(n.name)
}

var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// pointer returns the JSON Pointer of a place.
func pointer(place []string) string {
	inner := slices.Clone(place)
	slices.Reverse(inner)
	return constraint.Pointer(inner)
}

// child returns the node of a member, of a row of a list, or of an entry of a map.
func (n *node) child(title string) *node {
	for _, one := range n.children {
		if one.title() == title {
			return one
		}
	}
	return nil
}

// Mark shows faults at their fields. Use it for the faults of a worker that has rejected the
// arguments:
//
//	var invalid *service.ValidationError
//	if errors.As(err, &invalid) {
//		in.Mark(invalid.Faults)
//	}
//
// A fault at a place without a field is shown at the enclosing group, together with its place.
func (in *Input) Mark(faults []Fault) {
	for i, f := range faults {
		if i == maxFaults {
			return
		}
		n, rest := in.find(f.Pointer)
		message := text(f.Message, maxHelp)
		if rest != "" {
			message = text(rest, maxHelp) + " " + message
		}
		if n == in.root {
			in.mark(message)
		} else if !slices.Contains(n.faults, message) {
			n.faults = append(n.faults, message)
		}
	}
}

// mark adds a fault of the form as a whole.
func (in *Input) mark(message string) {
	if !slices.Contains(in.faults, message) && len(in.faults) < maxFaults {
		in.faults = append(in.faults, message)
	}
}

// find returns the node at a pointer, or else the innermost node around it and the rest of the
// pointer.
func (in *Input) find(pointer string) (_ *node, rest string) {
	n := in.root
	for rest = pointer; rest != ""; {
		if rest[0] != '/' {
			return n, rest
		}
		step, after, more := strings.Cut(rest[1:], "/")
		if more {
			after = "/" + after
		}
		next := n.child(unescape.Replace(step))
		if next == nil && n == in.root {
			for _, one := range n.children {
				if one.more {
					next = one.child(unescape.Replace(step))
				}
			}
		}
		if next == nil {
			return n, rest
		}
		n, rest = next, after
	}
	return n, ""
}

// nothing returns the value of n when it is left empty.
func (n *node) nothing() (json.RawMessage, bool) {
	switch n.empty {
	case emptyNull:
		return json.RawMessage("null"), true
	case emptyText:
		return json.RawMessage(`""`), true
	case emptyList:
		if n.shape.kind == kindMap {
			return json.RawMessage("{}"), true
		}
		return json.RawMessage("[]"), true
	}
	return nil, false
}

// encodeText returns the text in the input of n as JSON, and whether there is a value. A text that
// does not fit becomes a string, which the check rejects.
func (n *node) encodeText(found *check) (json.RawMessage, bool) {
	if n.raw {
		return n.encodeRaw(found)
	}
	s := n.text
	if n.shape.leaf.number {
		s = strings.TrimSpace(s)
		if number := plain(s); json.Valid([]byte(number)) && codec.JSON.Kind([]byte(number)) == codec.KindNumber {
			return json.RawMessage(number), true
		}
	}
	switch n.shape.kind {
	case kindBool:
		if s == "true" || s == "false" {
			return json.RawMessage(s), true
		}
		if s == "" && n.isCheckbox() {
			return json.RawMessage("false"), true
		}
	case kindChoice:
		for _, o := range n.shape.leaf.options {
			if o.text == s {
				return json.RawMessage(o.raw), true
			}
		}
	case kindDateTime:
		s = n.dateTime()
	case kindTime:
		if s = strings.TrimSpace(s); len(s) == len("03:04") {
			s += ":00"
		}
	case kindDate:
		s = strings.TrimSpace(s)
	}
	if s == "" {
		return n.nothing()
	}
	value, err := codec.JSON.Encode(s)
	if err != nil {
		found.add(n.place(), "must be a text in UTF-8")
		return nil, false
	}
	return value, true
}

func (n *node) encodeRaw(found *check) (json.RawMessage, bool) {
	s := strings.TrimSpace(n.text)
	if s == "" {
		return n.nothing()
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(s)); err != nil {
		found.add(n.place(), `must be JSON, such as 12, true, "a text in quotes", ["a", "list"] or {"an": "object"}`)
		return nil, false
	}
	return compact.Bytes(), true
}

// plain returns a typed number in JSON's notation: 5 for +05, 0.5 for .5.
func plain(s string) string {
	sign := ""
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = "-"
		}
		s = s[1:]
	}
	whole := len(s) - len(strings.TrimLeft(s, "0123456789"))
	digits := strings.TrimLeft(s[:whole], "0")
	if digits == "" && (whole > 0 || strings.HasPrefix(s, ".")) {
		digits = "0"
	}
	return sign + digits + s[whole:]
}

var (
	pickedTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)$`)
	zoned      = regexp.MustCompile(`^(.+?)(Z|[+-]\d\d:\d\d)$`)
	pickedDay  = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	pickedHour = regexp.MustCompile(`^\d\d:\d\d(:\d\d(\.\d{1,3})?)?$`)
)

// noZone is the offset of a date and time without one.
const noZone = "none"

// dateTime returns the text of a date and time with its offset.
func (n *node) dateTime() string {
	s := strings.TrimSpace(n.text)
	parts := pickedTime.FindStringSubmatch(s)
	if s == "" || n.zone == "" || parts == nil {
		return s
	}
	hour := parts[2]
	if len(hour) == len("03:04") {
		hour += ":00"
	}
	offset := n.zone
	if offset == noZone {
		offset = ""
	}
	return parts[1] + "T" + hour + offset
}

// pick splits the text of a date and time into the part for a picker, and its offset. The offset is
// "" if a picker cannot hold the text.
func (n *node) pick(s string) {
	n.text, n.zone = s, ""
	day, offset := s, noZone
	if parts := zoned.FindStringSubmatch(s); parts != nil {
		day, offset = parts[1], parts[2]
	}
	parts := pickedTime.FindStringSubmatch(day)
	if parts == nil || offset == noZone && !n.shape.leaf.naive {
		return
	}
	n.text, n.zone = parts[1]+"T"+parts[2], offset
}

// offsets are the offsets from UTC that are in use somewhere on earth.
var offsets = func() []string {
	all := []string{"Z"}
	for _, minutes := range []int{
		-720, -660, -600, -570, -540, -480, -420, -360, -300, -240, -210, -180, -150, -120, -60,
		60, 120, 180, 210, 240, 270, 300, 330, 345, 360, 390, 420, 480, 525, 540, 570, 600, 630, 660, 720, 765, 780, 825, 840,
	} {
		sign := "+"
		if minutes < 0 {
			sign, minutes = "-", -minutes
		}
		all = append(all, sign+two(minutes/60)+":"+two(minutes%60))
	}
	return all
}()

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
