package run_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/service"
)

// TestFaults reads the faults of arguments from the text of a ValidationError.
func TestFaults(t *testing.T) {
	t.Parallel()
	var many []service.Fault
	for i := range 13 {
		many = append(many, service.Fault{Pointer: fmt.Sprintf("/lines/%d", i), Message: "must be a, b; or c/d"})
	}
	for name, test := range map[string]struct{ found, want []service.Fault }{
		"one":           {many[:1], many[:1]},
		"several":       {many[:10], many[:10]},
		"more than ten": {many, append(slices.Clone(many[:10]), service.Fault{Message: "has 3 more wrong values"})},
		"the whole":     {[]service.Fault{{Message: "must differ"}, many[1]}, []service.Fault{{Message: "must differ"}, many[1]}},
		"none":          {nil, []service.Fault{{Message: "invalid arguments"}}},
	} {
		x := run.Run{ErrorType: "gomeko.ValidationError", Error: (&service.ValidationError{Faults: test.found}).Error()}
		if got := x.Faults(); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
		if x.ErrorType = "other.ValidationError"; x.Faults() != nil {
			t.Errorf("%s: got %v for another error", name, x.Faults())
		}
	}
}
