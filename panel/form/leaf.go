package form

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/constraint"
	"github.com/gomeko/gomeko/service"
)

// A leaf describes the valid values of a number or a text.
type leaf struct {
	input   string // the type of a text's input: email, url, text
	format  string // of a text: date-time, uuid, decimal, base64
	number  bool   // it is a number
	whole   bool   // it is a number without a fraction
	naive   bool   // it is a date and time that may have no zone
	options []option

	keywords constraint.Keywords
	tests    []test
}

// An option is one of the values of a choice.
type option struct {
	text string // what the browser sends, and users see
	raw  string // JSON
}

// A test decodes a value and checks its constraints, as the worker does.
type test struct {
	typ    reflect.Type
	rule   *constraint.Rule // may be nil
	misfit string           // the fault if the value cannot be decoded
}

// faults returns the faults of a JSON value.
func (l *leaf) faults(raw []byte) []string {
	if l.number && codec.JSON.Kind(raw) != codec.KindNumber {
		return []string{l.tests[0].misfit}
	}
	var faults constraint.Faults
	for _, t := range l.tests {
		v := reflect.New(t.typ)
		if err := codec.JSON.Decode(raw, v.Interface()); err != nil {
			return []string{t.misfit}
		}
		if t.rule != nil {
			t.rule.Check(v.Elem(), &faults)
		}
	}
	return messages(faults.Err())
}

// number returns the kind and the leaf of a number.
func (c *compiler) number(s *codec.Schema, whole bool) (kind, leaf) {
	l := leaf{number: true, whole: whole, keywords: constraint.Keywords{Minimum: s.Minimum, Maximum: s.Maximum}}
	if whole {
		l.tests = append(l.tests, test{typ: reflect.TypeFor[big.Int](), misfit: "must be a whole number"})
	}
	l.test(reflect.TypeFor[json.Number](), l.keywords, "must be a number")
	if s.Enum == nil {
		return kindNumber, l
	}
	for _, one := range s.Enum {
		if n, ok := plainNumber(one); ok {
			l.options = append(l.options, option{n, n})
			l.keywords.Enum = append(l.keywords.Enum, n)
		}
	}
	typ := reflect.TypeFor[float64]()
	if whole {
		typ = reflect.TypeFor[int64]()
		if slices.ContainsFunc(l.options, func(o option) bool { _, err := strconv.ParseInt(o.raw, 10, 64); return err != nil }) {
			typ = reflect.TypeFor[uint64]()
		}
	}
	l.test(typ, constraint.Keywords{Enum: l.keywords.Enum}, "must be one of the values of the list")
	return kindChoice, l
}

// test adds a test of keywords. Keywords that a rule cannot check are left to the worker.
func (l *leaf) test(t reflect.Type, k constraint.Keywords, misfit string) {
	rule, _ := constraint.New(k, t) // the rule contains what it can check
	l.tests = append(l.tests, test{t, rule, misfit})
}

// text returns the kind and the leaf of a string.
func (c *compiler) text(s *codec.Schema) (kind, leaf) {
	l := leaf{input: "text", format: s.Format}
	if len(s.Enum) > 0 {
		return l.choice(s.Enum)
	}
	k := constraint.Keywords{MinLength: s.MinLength, MaxLength: s.MaxLength, Format: s.Format, Pattern: s.Pattern}
	known := c.texts.named[s.Pattern]
	if known != nil || s.Format == "uuid" || len(s.Pattern) > maxPattern {
		k.Pattern = "" // it is that of the type, which is decoded below
	}
	if s.FormatMinimum+s.FormatMaximum != "" {
		k.Minimum, k.Maximum, k.Format = json.Number(s.FormatMinimum), json.Number(s.FormatMaximum), "decimal"
	}
	l.keywords = k
	switch {
	case known != nil && known.format == s.Format: // its rule has the test
	case known != nil:
		l.tests, l.format = append(l.tests, known.test), known.format
	case s.ContentEncoding == "base64":
		l.tests, l.format = append(l.tests, test{reflect.TypeFor[[]byte](), nil, "must be base64"}), "base64"
		k.Pattern, l.keywords.Pattern = "", ""
	}
	l.test(reflect.TypeFor[string](), k, "must be a text")
	switch l.format {
	case "date-time":
		l.naive = known != nil
		return kindDateTime, l
	case "date":
		return kindDate, l
	case "time":
		return kindTime, l
	case "email":
		l.input = "email"
	case "uri":
		l.input = "url"
	}
	return kindText, l
}

// choice returns the kind and the leaf of a choice between strings.
func (l leaf) choice(values []any) (kind, leaf) {
	for _, one := range values {
		s, ok := one.(string)
		raw, err := codec.JSON.Encode(s)
		if !ok || err != nil || s == "" || !isValid(s) || slices.ContainsFunc(l.options, func(o option) bool { return o.text == s }) {
			continue
		}
		l.options = append(l.options, option{s, string(raw)})
		l.keywords.Enum = append(l.keywords.Enum, s)
	}
	l.test(reflect.TypeFor[string](), constraint.Keywords{Enum: l.keywords.Enum}, "must be a text")
	return kindChoice, l
}

// messages returns the texts of the faults in an error.
func messages(err error) (all []string) {
	if err == nil {
		return nil
	}
	var invalid *service.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Faults {
			message := f.Message
			if strings.HasPrefix(message, "must match ") && len(message) > maxLabel {
				message = "must have the form that the service asks for" // the pattern of a type
			}
			if !slices.Contains(all, message) {
				all = append(all, message)
			}
		}
	}
	return all
}

// texts are the types whose values are strings in a format that pickers write.
type texts struct {
	named map[string]*namedText // by the pattern of their schemas
}

type namedText struct {
	format string
	test   test
}

// knownTexts returns the texts that this version knows. Documents of other versions may have other
// patterns: their fields are texts with a pattern.
var knownTexts = sync.OnceValue(func() *texts {
	known := &texts{named: map[string]*namedText{}}
	schemas := codec.NewSchemas(codec.JSON)
	for _, one := range []struct {
		typ            reflect.Type
		format, misfit string
	}{
		{reflect.TypeFor[time.Time](), "date-time", "must be a date and a time, such as 2024-01-02T03:04:05Z"},
		{reflect.TypeFor[codec.Date](), "date", "must be a date, such as 2024-01-02"},
		{reflect.TypeFor[codec.TimeOfDay](), "time", "must be a time of day, such as 03:04:05"},
		{reflect.TypeFor[codec.Decimal](), "decimal", "must be a decimal number, such as 12.340"},
	} {
		s := schemas.Of(one.typ, codec.Use{})
		if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
			s = schemas.Definitions()[name]
		}
		known.named[s.Pattern] = &namedText{one.format, test{one.typ, nil, one.misfit}}
	}
	for _, tag := range []reflect.StructTag{`format:"decimal"`} {
		rule, _ := constraint.Of(tag, reflect.TypeFor[string]()) // the tag is valid
		s := schemas.OfField(reflect.TypeFor[string](), tag, codec.Use{})
		known.named[s.Pattern] = &namedText{"decimal", test{reflect.TypeFor[string](), rule, "must be a text"}}
	}
	return known
})

// zone matches an offset from UTC.
var zone = regexp.MustCompile(`^(Z|[+-]\d\d:\d\d)$`)

// describe returns the limits of a value, as help for users.
func (l *leaf) describe() string {
	k, list := &l.keywords, []string(nil)
	least, most := limit(k.Minimum), limit(k.Maximum)
	switch {
	case least != "" && most != "":
		list = append(list, fmt.Sprintf("from %s to %s", least, most))
	case least != "":
		list = append(list, "at least "+least)
	case most != "":
		list = append(list, "at most "+most)
	}
	if k.MinLength != nil && *k.MinLength > 0 {
		list = append(list, "at least "+characters(*k.MinLength))
	}
	if k.MaxLength != nil {
		list = append(list, "at most "+characters(*k.MaxLength))
	}
	if k.Pattern != "" && len(k.Pattern) <= 40 {
		list = append(list, "matches "+k.Pattern)
	}
	if l.format == "base64" {
		list = append(list, "bytes as base64")
	}
	return strings.Join(list, ", ")
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

// limit returns a limit, or "" if it is only that of the type, such as a number with 19 digits.
func limit(n json.Number) string {
	if f, err := n.Float64(); err != nil || f >= 1<<53 || f <= -1<<53 {
		return ""
	}
	return string(n)
}
