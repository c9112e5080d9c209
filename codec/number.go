package codec

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// A number is one as it was read: JSON's is its text, msgpack's its value.
type number struct {
	text []byte // nil for a value
	form form   // of a value: formInt, formUint or formFloat
	i    int64
	u    uint64
	f    float64
}

// most is how many digits a big.Int is made of: Python, too, takes no more.
const most = 4300

// infinite returns a number that JSON does not have.
func (n number) infinite() (float64, bool) {
	if n.form == formFloat {
		return n.f, math.IsNaN(n.f) || math.IsInf(n.f, 0)
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

// String returns n as JSON has it.
func (n number) String() string {
	if n.text != nil {
		return string(n.text)
	}
	var w jsonWriter
	switch n.form {
	case formInt:
		w.int(n.i)
	case formUint:
		w.uint(n.u)
	default:
		w.float(n.f, 64)
	}
	return string(w.data)
}

func (n number) int() (int64, bool) {
	if n.form == formInt {
		return n.i, true
	}
	if i, ok := short(n.text); ok {
		return i, true
	}
	digits, ok := n.whole()
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(digits, 10, 64)
	return i, err == nil
}

func (n number) uint() (uint64, bool) {
	if n.form == formUint {
		return n.u, true
	}
	if i, ok := short(n.text); ok {
		return uint64(i), i >= 0
	}
	digits, ok := n.whole()
	if !ok {
		return 0, false
	}
	u, err := strconv.ParseUint(digits, 10, 64)
	return u, err == nil
}

// short reads an integer of up to 18 digits.
func short(text []byte) (i int64, ok bool) {
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

// float returns n as a float of bits: false if it is larger than one can be.
func (n number) float(bits int) (float64, bool) {
	if f, odd := n.infinite(); odd {
		return f, true
	}
	if n.form == formFloat && bits == 64 {
		return n.f, true
	}
	f, err := strconv.ParseFloat(n.String(), bits)
	return f, err == nil
}

// big puts n into i: false if it is none.
func (n number) big(i *big.Int) bool {
	digits, ok := n.whole()
	if !ok || len(digits) > most {
		return false
	}
	_, ok = i.SetString(digits, 10)
	return ok
}

// whole returns n as digits only, if it is whole; what has an exponent must not be larger than a number of [most]
// digits.
func (n number) whole() (string, bool) {
	if _, odd := n.infinite(); odd {
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
	digits, minus := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(fraction)
	switch {
	case significant == "":
		return "0", true
	case exponent < 0 || exponent > most:
		return "", false
	}
	whole = significant + strings.Repeat("0", exponent)
	if minus {
		whole = "-" + whole
	}
	return whole, true
}
