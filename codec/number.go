package codec

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A Number is a number that a [Reader] has read. It is made by [IntNumber], [UintNumber] or
// [FloatNumber]; a number read from JSON keeps its digits.
type Number struct {
	text []byte // of JSON; nil for the others
	form form   // formInt, formUint or formFloat if there is no text
	i    int64
	u    uint64
	f    float64
}

// IntNumber returns the Number i.
func IntNumber(i int64) Number { return Number{form: formInt, i: i} }

// UintNumber returns the Number u.
func UintNumber(u uint64) Number { return Number{form: formUint, u: u} }

// FloatNumber returns the Number f, which may be infinite or not a number.
func FloatNumber(f float64) Number { return Number{form: formFloat, f: f} }

// String returns n in the syntax of JSON. A float has a point or an exponent: 2.0.
func (n Number) String() string {
	if n.text != nil {
		return string(n.text)
	}
	var w jsonWriter
	switch n.form {
	case formInt:
		w.Int(n.i)
	case formUint:
		w.Uint(n.u)
	default:
		w.Float(n.f, 64)
	}
	return string(w.data)
}

// notFinite returns n if it is NaN or infinite, and whether it is.
func (n Number) notFinite() (float64, bool) {
	if n.text == nil {
		return n.f, n.form == formFloat && (math.IsNaN(n.f) || math.IsInf(n.f, 0))
	}
	switch string(n.text) {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}

// int returns n, and whether it is an int64.
func (n Number) int() (int64, bool) {
	if n.text == nil && n.form == formInt {
		return n.i, true
	}
	if i, ok := shortInt(n.text); ok {
		return i, true
	}
	digits, ok := n.digits()
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(digits, 10, 64)
	return i, err == nil
}

// uint returns n, and whether it is a uint64.
func (n Number) uint() (uint64, bool) {
	if n.text == nil && n.form == formUint {
		return n.u, true
	}
	if i, ok := shortInt(n.text); ok {
		return uint64(i), i >= 0
	}
	digits, ok := n.digits()
	if !ok {
		return 0, false
	}
	u, err := strconv.ParseUint(digits, 10, 64)
	return u, err == nil
}

// float returns n as a float of 32 or 64 bits, rounded, and whether its magnitude fits.
func (n Number) float(bits int) (float64, bool) {
	if f, ok := n.notFinite(); ok {
		return f, true
	}
	var (
		f   float64
		err error
	)
	switch {
	case n.text != nil:
		f, err = strconv.ParseFloat(string(n.text), bits)
	case n.form == formFloat && bits == 64:
		f = n.f
	default:
		f, err = strconv.ParseFloat(n.String(), bits)
	}
	return f, err == nil
}

// maxDigits is the largest number of digits of a big.Int, and of a number of a library that reads
// itself. Python has the same limit for its int.
const maxDigits = 4300

// big stores n in i, and reports whether it is an integer that is not too long.
func (n Number) big(i *big.Int) bool {
	digits, ok := n.digits()
	if !ok || len(digits) > maxDigits {
		return false
	}
	_, ok = i.SetString(digits, 10)
	return ok
}

// digits returns n as a sign and digits, and whether n is an integer: 70.0 and 7e1 are. It does not
// write out an exponent of more than maxDigits.
func (n Number) digits() (string, bool) {
	if _, ok := n.notFinite(); ok {
		return "", false
	}
	text := n.String()
	if n.text != nil && !bytes.ContainsAny(n.text, ".eE") {
		return text, true
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return "", false
		}
	}
	digits, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(fraction)
	switch {
	case significant == "":
		return "0", true
	case exponent < 0 || exponent > maxDigits:
		return "", false
	}
	whole = significant + strings.Repeat("0", exponent)
	if negative {
		whole = "-" + whole
	}
	return whole, true
}

// shortInt parses an integer of up to 18 digits without an allocation.
func shortInt(text []byte) (i int64, ok bool) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		i = i*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		i = -i
	}
	return i, true
}

// notFinite reports whether text, a number, is NaN, Infinity or -Infinity.
func notFinite(text string) bool { return strings.ContainsAny(text, "NI") }

// isNumber reports whether text is a number in the syntax of JSON, NaN, Infinity or -Infinity.
func isNumber(text string) bool {
	r := jsonReader{data: []byte(text)}
	if kind, err := r.Kind(); err != nil || kind != KindNumber || r.i > 0 {
		return false
	}
	_, err := r.Number()
	return err == nil && r.i == len(text)
}
