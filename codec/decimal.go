package codec

import "strings"

// A Decimal is a decimal number as text, with all of its digits: "12.340". It is Python's Decimal.
// It has no arithmetic: convert it to the decimal type of a library. Such a type can also be used
// in its place if it is called Decimal and marshals itself as a JSON string or as text, like that
// of shopspring/decimal.
type Decimal string

// valid reports whether Python's Decimal accepts d.
func (d Decimal) valid() bool {
	text := strings.TrimSpace(string(d))
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text = text[1:]
	}
	whole := digits(text)
	fraction, rest := 0, text[whole:]
	if strings.HasPrefix(rest, ".") {
		fraction = digits(rest[1:])
		rest = rest[1+fraction:]
	}
	if whole+fraction == 0 {
		return notNumber(text)
	}
	if rest == "" {
		return true
	}
	exponent := strings.TrimLeft(rest, "eE")
	if len(exponent) != len(rest)-1 {
		return false
	}
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && digits(exponent) == len(exponent)
}

// digits returns how many digits text begins with.
func digits(text string) int {
	return len(text) - len(strings.TrimLeft(text, "0123456789"))
}

// notNumber reports whether text is one of Python's names for infinity and NaN: sNaN123.
func notNumber(text string) bool {
	switch strings.ToLower(strings.TrimRight(text, "0123456789")) {
	case "inf", "infinity":
		return digits(text[len(text)-1:]) == 0
	case "nan", "snan":
		return true
	}
	return false
}
