package servicetest_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

// Run reports arguments that are not valid, and passes the others to the row.
func TestRunArguments(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Greeting))
	for _, tc := range []struct {
		row  string
		args []any
		want string
	}{
		{"greeting_service.Hello", []any{"Julio"}, ""},
		{"greeting_service.Hello", []any{rpc.Kwargs{"name", "Julio"}}, ""},
		{"greeting_service.Hello", []any{rpc.Kwargs{"name"}}, "rpc.Kwargs[name]: must be pairs of a name and a value"},
		{"greeting_service.Hello", []any{rpc.Kwargs{7, "Julio"}}, "rpc.Kwargs[7 Julio]: must be pairs of a name and a value"},
		{"greeting_service.Hello", nil, "hello() missing 1 required positional argument: 'name'"},
		{"greeting_service.Hello", []any{7}, "hello() argument 'name' must be str"},
		{"greeting_service.Hello", []any{make(chan int)}, "hello() argument 'name' must be str: "},
		{"greeting.Hello", nil, "no such row greeting.Hello"},
	} {
		got, err := h.Run(t.Context(), tc.row, tc.args...)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s%v: got %v, want %s", tc.row, tc.args, err, tc.want)
		}
		if want := "Hello, Julio!"; err == nil && got != want {
			t.Errorf("%s%v: got %v, want %s", tc.row, tc.args, got, want)
		}
	}
}

// A Letter has a leading parameter, a stamp, which is not an argument.
type Letter struct{}

type stamp struct{ paid chan int } // it cannot be encoded as JSON

func (Letter) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("post(text)", reflect.TypeFor[stamp]())
	return new(box), err
}

type box struct{ _ int }

func (*box) Start(context.Context) error { return nil }
func (*box) Stop(context.Context) error  { return nil }

type Office struct {
	_ service.Name `service:"office"`

	Entrypoints struct{ Post Letter }
}

func (*Office) Post(_ context.Context, s stamp, text string) (string, error) {
	return strings.Repeat(text, <-s.paid), nil
}

// Run passes leading values unchanged.
func TestRunLead(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Office))
	s := stamp{make(chan int, 1)}
	s.paid <- 2
	if got, err := h.Run(t.Context(), "office.Post", s, "ho"); err != nil || got != "hoho" {
		t.Errorf("got %v, %v, want hoho", got, err)
	}
	if _, err := h.Run(t.Context(), "office.Post"); err == nil {
		t.Error("without a stamp: got no error")
	}
}

// A call that hangs ends after 30 seconds.
func TestRunLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Greeting))
		if _, err := h.Run(t.Context(), "greeting_service.Hang"); !errors.Is(err, service.ErrTimeout) {
			t.Errorf("got %v, want %v", err, service.ErrTimeout)
		}
	})
}
