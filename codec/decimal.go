package codec

import (
	"regexp"
	"strings"
)

// A Decimal is a decimal number as text, with all of its digits: "12.340". It is Python's Decimal.
// It does not calculate: convert it to the decimal type of a library. Such a type can also be used
// in its place, if it is called Decimal and marshals itself as a JSON string or as text, as that of
// shopspring does.
type Decimal string

var decimal = regexp.MustCompile(`^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity|s?nan[0-9]*))$`)

// valid reports whether Python's Decimal accepts d.
func (d Decimal) valid() bool { return decimal.MatchString(strings.TrimSpace(string(d))) }
