package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/codec"
)

// longPattern is the length from which a pattern is not printed, because it is that of a type.
const longPattern = 40

// demands spells what a schema demands besides its type, such as " (1 to 20 characters)", or "" if
// there is nothing.
func demands(s *codec.Schema) string {
	var list []string
	for _, one := range s.Enum {
		if text, err := json.Marshal(one); err == nil && one != nil {
			list = append(list, string(text))
		}
	}
	if len(list) > 0 {
		list = []string{strings.Join(list, ", ")}
	}
	least, most := limits(s)
	least, most = cmp.Or(least, s.FormatMinimum), cmp.Or(most, s.FormatMaximum)
	if s.Format != "" && s.Format != "uuid" {
		list = append(list, s.Format)
	}
	list = append(list, span(least, most, ""))
	if s.MinLength != nil || s.MaxLength != nil {
		least, most = "", ""
		if s.MinLength != nil {
			least = fmt.Sprint(*s.MinLength)
		}
		if s.MaxLength != nil {
			most = fmt.Sprint(*s.MaxLength)
		}
		list = append(list, span(least, most, " characters"))
	}
	if s.Pattern != "" && len(s.Pattern) < longPattern && s.ContentMediaType == "" && s.Format == "" {
		list = append(list, s.Pattern)
	}
	var spelled []string
	for _, one := range list {
		if one != "" {
			spelled = append(spelled, one)
		}
	}
	if len(spelled) == 0 {
		return ""
	}
	return " (" + strings.Join(spelled, ", ") + ")"
}

// span spells a range of limits, each of which may be "".
func span(least, most, unit string) string {
	switch {
	case least != "" && most != "":
		return least + " to " + most + unit
	case least != "":
		return "at least " + least + unit
	case most != "":
		return "at most " + most + unit
	}
	return ""
}

// types are the limits of Go's number types.
var types = [][2]json.Number{
	{"-128", "127"},
	{"0", "255"},
	{"-32768", "32767"},
	{"0", "65535"},
	{"-2147483648", "2147483647"},
	{"0", "4294967295"},
	{"-9223372036854775808", "9223372036854775807"},
	{"0", "18446744073709551615"},
	{"-3.4028235e38", "3.4028235e38"},
	{"-1.7976931348623157e308", "1.7976931348623157e308"},
}

// limits returns the limits of a number, except those of its Go type.
func limits(s *codec.Schema) (least, most string) {
	both := [2]json.Number{s.Minimum, s.Maximum}
	for _, t := range types {
		if t == both {
			return "", ""
		}
	}
	for _, t := range types {
		if t[1] == s.Maximum {
			return string(s.Minimum), ""
		}
	}
	for _, t := range types {
		if t[0] == s.Minimum && s.Minimum != "0" {
			return "", string(s.Maximum)
		}
	}
	return string(s.Minimum), string(s.Maximum)
}
