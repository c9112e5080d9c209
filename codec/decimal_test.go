package codec_test

import (
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
)

// sumDecimal is a library's decimal that marshals itself as text.
type sumDecimal struct{ read int }

func (d *sumDecimal) UnmarshalText(text []byte) error { d.read = len(text); return nil }

// Reading a number of a library takes time that grows with the square of its digits. A
// codec.Decimal is text, so it may have more digits.
func TestDigitsOfNumbers(t *testing.T) {
	t.Parallel()
	for _, to := range []any{big.Rat{}, big.Float{}, Decimal{}, sumDecimal{}, &big.Rat{}} {
		for n, fits := range map[int]bool{4000: true, 5000: false} {
			got := reflect.New(reflect.TypeOf(to)).Interface()
			for _, form := range []string{`%q`, `{"__type__": "decimal", "__value__": %q}`} {
				err := codec.JSON.Decode(fmt.Appendf(nil, form, strings.Repeat("9", n)), got)
				if (err == nil) != fits || !fits && !strings.Contains(err.Error(), "more than 4300 digits") {
					t.Errorf("%T, %d digits, %s: %v", got, n, form, err)
				}
			}
		}
	}
	var d codec.Decimal
	if err := codec.JSON.Decode([]byte(`"`+strings.Repeat("9", 5000)+`"`), &d); err != nil {
		t.Error(err)
	}
}

// Decode accepts what Python's Decimal does.
func TestDecimals(t *testing.T) {
	t.Parallel()
	for text, valid := range map[string]bool{
		"": false, "+": false, ".": false, "e1": false, "1e": false, "1e+": false, "1ee1": false, "1.2.3": false,
		"--1": false, "1,5": false, ".e1": false, "inf1": false, "in": false, "nanx": false, "123x": false, "1e1.5": false,
		"1": true, "+1": true, "-1.": true, ".5": true, "1.5E-30": true, " 12.340\n": true, "1e+5": true,
		"Inf": true, "-INFINITY": true, "NaN": true, "sNaN123": true, "-nan7": true,
	} {
		var d codec.Decimal
		if err := codec.JSON.Decode(fmt.Appendf(nil, "%q", text), &d); (err == nil) != valid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
