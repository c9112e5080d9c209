package constraint

import "strings"

// A decimal is a decimal number of any size, stored as the digits of its text. Its value is
// 0.d1d2d3… × 10^point; without digits it is 0.
type decimal struct {
	negative        bool
	whole, fraction string // the digits, starting with the first one that is not 0
	point           int64
}

// maxExponent is the largest exponent of Python's Decimal. It replaces larger ones.
const maxExponent = 999_999_999_999_999_999

// parseDecimal parses a finite decimal number, such as 12.340 or -1E+3.
func parseDecimal(s string) (d decimal, ok bool) {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		d.negative, s = s[0] == '-', s[1:]
	}
	n := digits(s)
	d.whole, s = s[:n], s[n:]
	if strings.HasPrefix(s, ".") {
		n := digits(s[1:])
		d.fraction, s = s[1:1+n], s[1+n:]
	}
	if len(d.whole)+len(d.fraction) == 0 {
		return d, false
	}
	exponent, ok := parseExponent(s)
	d.whole = strings.TrimLeft(d.whole, "0")
	d.point = int64(len(d.whole)) + exponent
	if d.whole == "" {
		significant := strings.TrimLeft(d.fraction, "0")
		d.point -= int64(len(d.fraction) - len(significant))
		d.fraction = significant
	}
	return d, ok
}

// parseExponent parses what may follow the digits: e5, E+03, or nothing.
func parseExponent(s string) (exponent int64, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return 0, false
	}
	negative := false
	if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
		negative, s = s[0] == '-', s[1:]
	}
	if s == "" || digits(s) != len(s) {
		return 0, false
	}
	for i := range len(s) {
		exponent = min(exponent*10+int64(s[i]-'0'), maxExponent)
		if exponent == maxExponent {
			break
		}
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// digits returns the number of digits at the start of s.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// sign returns -1, 0 or 1.
func (d *decimal) sign() int {
	for i := range len(d.whole) + len(d.fraction) {
		if d.digit(i) != '0' {
			if d.negative {
				return -1
			}
			return 1
		}
	}
	return 0
}

// digit returns the i-th digit, or 0 after the last one.
func (d *decimal) digit(i int) byte {
	switch {
	case i < len(d.whole):
		return d.whole[i]
	case i < len(d.whole)+len(d.fraction):
		return d.fraction[i-len(d.whole)]
	}
	return '0'
}

// compare returns -1 if d is less than e, 1 if it is greater, and 0 if they are equal.
func (d *decimal) compare(e *decimal) int {
	sign := d.sign()
	if other := e.sign(); sign != other || sign == 0 {
		return sign - other
	}
	switch {
	case d.point < e.point:
		return -sign
	case d.point > e.point:
		return sign
	}
	for i := range max(len(d.whole)+len(d.fraction), len(e.whole)+len(e.fraction)) {
		if a, b := d.digit(i), e.digit(i); a != b {
			if a < b {
				return -sign
			}
			return sign
		}
	}
	return 0
}
