package service_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// A foreign error is expected, and may have come from another service.
type foreign bool

func (foreign) Error() string  { return "declared" }
func (foreign) Expected() bool { return true }
func (f foreign) Remote() bool { return bool(f) }

func TestVerdictOf(t *testing.T) {
	t.Parallel()
	fault, own := errors.New("fault"), foreign(false)
	retry, park := service.Verdict{Action: service.Retry}, service.Verdict{Action: service.Parked}
	for name, test := range map[string]struct {
		err  error
		want service.Verdict
	}{
		"fault":                     {fault, retry},
		"own expected":              {own, park},
		"own expected, wrapped":     {fmt.Errorf("order 3: %w", own), park},
		"another service's":         {foreign(true), retry},
		"another service's, joined": {errors.Join(own, foreign(true)), retry},
		"timeout":                   {fmt.Errorf("%w: %w", service.ErrTimeout, own), retry},
		"stopped":                   {service.ErrStopped, retry},
		"exited":                    {service.ErrExited, retry},
		"panic with expected":       {&service.PanicError{Value: own}, retry},
		"panic with verdict":        {&service.PanicError{Value: service.Drop(own)}, retry},
		"arguments":                 {&signature.Error{Text: "missing"}, park},
		"retry after":               {service.RetryAfter(time.Minute, own), service.Verdict{Action: service.Retry, Asked: true, After: time.Minute}},
		"park":                      {service.Park(fault), service.Verdict{Action: service.Parked, Asked: true}},
		"drop":                      {service.Drop(fault), service.Verdict{Action: service.Dropped, Asked: true}},
		"drop, wrapped":             {fmt.Errorf("late: %w", service.Drop(fault)), service.Verdict{Action: service.Dropped, Asked: true}},
		"outermost":                 {service.Park(service.Drop(fault)), service.Verdict{Action: service.Parked, Asked: true}},
		"of nil":                    {service.Drop(nil), service.Verdict{Action: service.Dropped, Asked: true}},
	} {
		if got := service.VerdictOf(test.err); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}

// TestVerdictWraps checks that a verdict does not hide its error.
func TestVerdictWraps(t *testing.T) {
	t.Parallel()
	for _, err := range []error{service.RetryAfter(time.Second, foreign(false)), service.Park(foreign(false)), service.Drop(foreign(false))} {
		var f foreign
		if err.Error() != "declared" || !errors.As(err, &f) || !errors.Is(err, foreign(false)) || !service.Expected(err) {
			t.Errorf("got %v", err)
		}
	}
}

func ExampleRetryAfter() {
	charge := func(context.Context, int) error {
		return service.RetryAfter(time.Minute, errors.New("the bank is closed"))
	}
	err := charge(context.Background(), 3)
	fmt.Println(err, service.VerdictOf(err).After)
	// Output: the bank is closed 1m0s
}

func ExamplePark() {
	err := service.Park(errors.New("the order has no address"))
	fmt.Println(err, service.VerdictOf(err).Action == service.Parked)
	// Output: the order has no address true
}

func ExampleDrop() {
	err := service.Drop(errors.New("the user is gone already"))
	fmt.Println(err, service.VerdictOf(err).Action == service.Dropped)
	// Output: the user is gone already true
}
