package service_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// Goods is what a shelf needs.
type Goods struct{ name string }

type Shelf struct {
	_ service.Name `service:"shelf"`

	Entrypoints struct {
		Show Trigger `trigger:"show"`
	}

	Goods *Goods `inject:""`
	Spares
}

// Spares is an embedded struct, whose fields are injected too.
type Spares struct {
	Spare *Goods `inject:"spare"`
}

func (s *Shelf) Show(context.Context) (string, error) {
	return s.Goods.name + " and " + s.Spare.name, nil
}

// line is the place of a function in an error.
var line = regexp.MustCompile(`(_test\.go):\d+`)

var shelf = fx.Module("shelf",
	service.Provide(new(Shelf)),
	fx.Provide(func() *Goods { return &Goods{"tea"} }),
	fx.Supply(fx.Annotated{Name: "spare", Target: &Goods{"salt"}}),
)

// A module provides the fields of its services, fx.Replace replaces them, and a literal keeps its
// values.
func TestProvide(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		services []any
		names    string
		want     string
	}{
		{[]any{shelf}, "shelf", "tea and salt"},
		{[]any{new(Work), shelf}, "shelf work", "tea and salt"},
		{[]any{shelf, fx.Replace(&Goods{"coffee"})}, "shelf", "coffee and salt"},
		{[]any{&Shelf{Goods: &Goods{"rice"}, Spares: Spares{&Goods{"beans"}}}}, "shelf", "rice and beans"},
		{[]any{&Shelf{Goods: &Goods{"rice"}}, fx.Supply(fx.Annotated{Name: "spare", Target: &Goods{"mint"}})}, "shelf", "rice and mint"},
	} {
		c, all := start(t, service.Config{}, tc.services...)
		if got := strings.Join(c.Names(), " "); got != tc.names {
			t.Errorf("got services %s, want %s", got, tc.names)
		}
		if got, err := all.fire(t.Context(), "shelf.show"); got != tc.want || err != nil {
			t.Errorf("got %v, %v, want %s", got, err, tc.want)
		}
	}
}

// hooks is an option whose hooks are steps of s.
func hooks(s *script) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle) {
		lc.Append(fx.Hook{
			OnStart: func(ctx context.Context) error { return s.act(ctx, "hook start") },
			OnStop:  func(ctx context.Context) error { return s.act(ctx, "hook stop") },
		})
	})
}

// TestHooksSurroundServices checks that start hooks run before the first Setup, and stop hooks
// after the last Stop.
func TestHooksSurroundServices(t *testing.T) {
	t.Parallel()
	const stopped = ", One stop, Two stop, pool stop, base stop, hook stop"
	fails := func(context.Context) error { return io.EOF }
	stop := func(c *service.Container) error { return c.Stop(context.Background()) }
	for _, tc := range []struct {
		name  string
		acts  map[string]func(context.Context) error
		end   func(*service.Container) error
		err   string
		steps string
	}{
		{"stop", nil, stop, "", "hook start, " + started + stopped},
		{"kill", nil, func(c *service.Container) error { c.Kill(); return c.Wait() }, "",
			"hook start, " + started + ", One kill, Two kill, pool kill, base kill"},
		{"the start hook fails", map[string]func(context.Context) error{"hook start": fails}, stop,
			"application: start hook of service_test.hooks: EOF", "hook start"},
		{"a start fails", map[string]func(context.Context) error{"base setup": fails}, stop,
			"service_test: EOF", "hook start, base setup, hook stop"},
		{"the stop hook fails", map[string]func(context.Context) error{"hook stop": fails}, stop,
			"application: stop hook of service_test.hooks: EOF", "hook start, " + started + stopped},
		{"the time is over", map[string]func(context.Context) error{"One stop": func(context.Context) error { time.Sleep(time.Minute); return nil }},
			func(c *service.Container) error {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				err := c.Stop(ctx)
				time.Sleep(time.Hour) // in the bubble
				return err
			},
			"stop was cut short, 0 calls cut off: context deadline exceeded",
			"hook start, " + started + ", One stop, Two stop, One kill, pool kill, base kill"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{acts: tc.acts}
				c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(stages), hooks(s), service.Configure(s), service.Configure(triggers{}))
				if err != nil {
					t.Fatal(err)
				}
				if err = c.Start(t.Context()); err == nil {
					err = tc.end(c)
				}
				got := strings.ReplaceAll(fmt.Sprint(err), "TestHooksSurroundServices.", "") // which is there if hooks is inlined
				if got != cmp.Or(tc.err, "<nil>") {
					t.Errorf("got %s, want %s", got, tc.err)
				}
				if got := strings.Replace(s.steps(), "Two stop, One stop", "One stop, Two stop", 1); got != tc.steps {
					t.Errorf("got  %s\nwant %s", got, tc.steps)
				}
			})
		})
	}
}

type (
	wanting struct {
		_ service.Name `service:"wanting"`

		Entrypoints struct {
			Get Trigger `trigger:"get" inject:""`
		}

		Goods   *Goods  `inject:""`
		Other   *Goods  `inject:"other" injct:"" optional:"true"`
		hidden  *Goods  `inject:""`
		_       *Goods  `inject:""`
		Typo    *Goods  `injekt:""`
		Swapped *Goods  `json:"-" inejct:"other"`
		Foreign *Goods  `json:"-" insert:""`
		Gift    Gift    `inject:""`
		Trigger Trigger `inject:""`
		Deps    struct {
			Goods *Goods `inject:""`
		}
		*Spares
		Tx Tx `inject:""`
	}
	shallow struct {
		_  service.Name `service:"shallow"`
		Tx Tx           `inject:""`
	}
)

// TestInjectMistakes checks that mistakes of injection are reported with all others.
func TestInjectMistakes(t *testing.T) {
	t.Parallel()
	_ = wanting{}.hidden
	_, err := service.New(service.Config{MaxWorkers: -1}, new(wanting), new(shallow),
		di.PerCall(func(*Goods) di.Provider[Tx] { return nil }), fx.Provide(func(io.Reader) *Goods { return nil }))
	want := `service.Config: MaxWorkers must not be negative: use 0 for the default of 100
service wanting: Get: an entrypoint cannot be injected: remove inject from the tag
service wanting: Goods: the function at provide_test.go:N needs io.Reader, which nothing provides: add fx.Provide(func(…) (io.Reader, error)) to the module
service wanting: Other: unknown key injct in its tag: did you mean inject?
service wanting: Other: unknown key optional in its tag: known keys: inject
service wanting: Other: nothing provides *service_test.Goods named "other"; add fx.Provide(fx.Annotated{Name: "other", Target: func(…) (*service_test.Goods, error)}) or di.PerCall to the module
service wanting: hidden: must be exported, so that it can be set: rename it to Hidden
service wanting: _: a blank field cannot be injected: give it a name
service wanting: Typo: unknown key injekt in its tag: did you mean inject?
service wanting: Swapped: unknown key inejct in its tag: did you mean inject?
service wanting: Gift: service_test.Gift is an extension: remove inject from the tag
service wanting: Trigger: service_test.Trigger is an extension: remove inject from the tag
service wanting: Deps: only fields of the service itself, or of a struct that it embeds by value, can be injected: move them there
service wanting: Spares: only fields of the service itself, or of a struct that it embeds by value, can be injected: move them there
service wanting: Tx: the function at provide_test.go:N needs io.Reader, which nothing provides: add fx.Provide(func(…) (io.Reader, error)) to the module
service shallow: Tx: the function at provide_test.go:N needs io.Reader, which nothing provides: add fx.Provide(func(…) (io.Reader, error)) to the module`
	if got := line.ReplaceAllString(fmt.Sprint(err), "$1:N"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	_, err = service.New(service.Config{}, new(Shelf))
	want = `service shelf: Goods: nothing provides *service_test.Goods; add fx.Provide(func(…) (*service_test.Goods, error)) or di.PerCall to the module
service shelf: Spare: nothing provides *service_test.Goods named "spare"; add fx.Provide(fx.Annotated{Name: "spare", Target: func(…) (*service_test.Goods, error)}) or di.PerCall to the module`
	if got := fmt.Sprint(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	locked := errors.New("the file is locked")
	_, err = service.New(service.Config{}, shelf, fx.Decorate(func(*Goods) (*Goods, error) { return nil, locked }))
	if !errors.Is(err, locked) || !strings.HasPrefix(err.Error(), "service shelf: Goods: ") {
		t.Errorf("got %v, want the constructor's own error, with service and field", err)
	}
	_, err = service.New(service.Config{}, shelf, shelf)
	want = "application: *service_test.Goods is provided twice, by the function at provide_test.go:N and by the function at provide_test.go:N: remove one, or name one with fx.Annotated{Name: …}"
	if got := line.ReplaceAllString(fmt.Sprint(err), "$1:N"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Plain is a service whose fields have no tags.
type Plain struct {
	_ service.Name `service:"plain"`

	Goods   *Goods
	Entries fmt.Stringer
	Wait    time.Duration
	Count   int
	Other   error
	goods   *Goods
}

// A field that nothing sets although the application has a value for it is a mistake.
func TestFieldsWithoutInject(t *testing.T) {
	t.Parallel()
	goods := fx.Provide(func() *Goods { return &Goods{"tea"} })
	const unset = "service plain: Goods: nothing sets it, although the application provides *service_test.Goods: add inject:\"\" to its tag"
	for _, tc := range []struct {
		name     string
		services []any
		want     string
	}{
		{"nothing", []any{new(Plain)}, ""},
		{"a value of the process", []any{&Plain{goods: &Goods{}}, goods}, unset},
		{"unexported", []any{&Plain{Goods: &Goods{}}, goods},
			"service plain: goods: nothing sets it, although the application provides *service_test.Goods: rename it to Goods, and add inject:\"\" to its tag"},
		{"a value of the call", []any{new(Plain), di.PerCall(func() di.Provider[fmt.Stringer] { return nil })},
			"service plain: Entries: nothing sets it, although the application provides fmt.Stringer: add inject:\"\" to its tag"},
		{"a named value", []any{new(Plain), fx.Supply(fx.Annotated{Name: "spare", Target: &Goods{}})}, ""},
		{"a predeclared type", []any{new(Plain), fx.Supply(7)}, ""},
		{"a type of another package", []any{new(Plain), fx.Supply(time.Second)},
			"service plain: Wait: nothing sets it, although the application provides time.Duration: add inject:\"\" to its tag"},
		{"set", []any{&Plain{Goods: &Goods{}, goods: &Goods{}}, goods}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := service.New(service.Config{}, tc.services...)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
