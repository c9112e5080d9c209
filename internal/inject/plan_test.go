package inject_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/internal/inject"
)

// One, Two and Three are values with the lifetime of a call.
type (
	One   struct{ n int }
	Two   struct{ n int }
	Three struct{ n int }
)

// Counted has three values for each call, the third in an embedded struct, and one value for the
// process.
type Counted struct {
	One One `inject:""`
	DB  *DB `inject:""`
	Two Two `inject:"second"`
	Embedded
}

type Embedded struct {
	Three Three `inject:""`
}

var errLost = errors.New("the connection is lost")

// script defines what the providers and Dones of Counted do, and records what they did. A step that
// is not in acts succeeds.
type script struct {
	acts map[string]func(err error) error // by "one", "one done", …
	did  []string
	n    int
}

func (s *script) act(step string, err error) error {
	s.did = append(s.did, step+suffix(err))
	if act := s.acts[step]; act != nil {
		return act(err)
	}
	return err
}

func suffix(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}

func scripted[T any](s *script, name string, v func(n int) T) di.Provider[T] {
	return func(context.Context) (T, di.Done, error) {
		s.n++
		done := func(err error) error { return s.act(name+" done", err) }
		return v(s.n), done, s.act(name, nil)
	}
}

// plan returns the plan of a Counted, and a copy of it.
func (s *script) plan(t *testing.T) (*inject.Plan, reflect.Value) {
	t.Helper()
	app := inject.New(nil, inject.Fill(new(Counted)), fx.Supply(&DB{Path: "process"}),
		di.PerCall(func() di.Provider[One] { return scripted(s, "one", func(n int) One { return One{n} }) }),
		di.PerCall(fx.Annotated{Name: "second", Target: func() (di.Provider[Two], error) {
			return scripted(s, "two", func(n int) Two { return Two{n} }), nil
		}}),
		di.PerCall(func() di.Provider[Three] { return scripted(s, "three", func(n int) Three { return Three{n} }) }),
	)
	plan := &inject.Plan{Panic: func(v any) error { return fmt.Errorf("panic: %v", v) }}
	proto := reflect.New(reflect.TypeFor[Counted]()).Elem()
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	for _, index := range [][]int{{0}, {1}, {2}, {3, 0}} {
		if err := app.Targets[0].Bind(plan, proto, index); err != nil {
			t.Fatal(err)
		}
	}
	if got := proto.Interface().(Counted); got.DB == nil || got.DB.Path != "process" || got.One.n != 0 {
		t.Fatalf("got %v in the prototype, want the values of the process and no others", got)
	}
	return plan, proto
}

func TestPlan(t *testing.T) {
	t.Parallel()
	fails := func(error) error { return errLost }
	panics := func(error) error { panic("at the disco") }
	exits := func(error) error { runtime.Goexit(); return nil }
	swallows := func(error) error { return nil }
	for _, tc := range []struct {
		name string
		acts map[string]func(error) error
		did  string
		want string
	}{
		{"success", nil, "one two three method three done two done one done", ""},
		{"error", map[string]func(error) error{"method": fails},
			"one two three method three done(L) two done(L) one done(L)", "L"},
		{"panic", map[string]func(error) error{"method": panics},
			"one two three method three done(P) two done(P) one done(P)", "P"},
		{"exit", map[string]func(error) error{"method": exits},
			"one two three method three done(X) two done(X) one done(X)", "exited"},
		{"the first provider fails", map[string]func(error) error{"one": fails}, "one", "One: L"},
		{"the last provider fails", map[string]func(error) error{"three": fails},
			"one two three two done(Three: L) one done(Three: L)", "Three: L"},
		{"a provider panics", map[string]func(error) error{"two": panics}, "one two one done(Two: P)", "Two: P"},
		{"a Done fails", map[string]func(error) error{"two done": fails},
			"one two three method three done two done one done(L)", "L"},
		{"a Done replaces", map[string]func(error) error{"method": fails, "two done": func(err error) error { return fmt.Errorf("rollback: %w", err) }},
			"one two three method three done(L) two done(L) one done(rollback: L)", "rollback: L"},
		{"a Done swallows", map[string]func(error) error{"method": fails, "two done": swallows},
			"one two three method three done(L) two done(L) one done", ""},
		{"a Done panics", map[string]func(error) error{"three done": panics},
			"one two three method three done two done(P) one done(P)", "P"},
		{"a Done panics after an error", map[string]func(error) error{"method": fails, "two done": panics},
			"one two three method three done(L) two done(L) one done(P)", "P"},
		{"the last Done panics", map[string]func(error) error{"one done": panics},
			"one two three method three done two done one done", "P"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{acts: tc.acts}
			plan, v := s.plan(t)
			err := errors.New("exited")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				err = plan.Run(t.Context(), v, func() error { return s.act("method", nil) })
			}()
			<-ended
			spell := strings.NewReplacer(errLost.Error(), "L", "panic: at the disco", "P", "the method called runtime.Goexit", "X")
			if got := spell.Replace(strings.Join(s.did, " ")); got != tc.did {
				t.Errorf("got  %s\nwant %s", got, tc.did)
			}
			if got := spell.Replace(strings.Trim(suffix(err), "()")); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Each run creates new values. A provider may return a nil Done.
func TestPlanRunsAgain(t *testing.T) {
	t.Parallel()
	s := &script{}
	plan, v := s.plan(t)
	for range 2 {
		if err := plan.Run(t.Context(), v, func() error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if got := v.Interface().(Counted); got.One.n != 4 || got.Two.n != 5 || got.Three.n != 6 {
		t.Errorf("got %v, want 4, 5 and 6", got)
	}
	app := inject.New(nil, inject.Fill(new(Orders)), fx.Supply(fx.Annotated{Name: "backup", Target: &DB{}}), fx.Provide(openOther), di.PerCall(inTx))
	plan = &inject.Plan{}
	if err := bind(app.Targets[0], plan, 0); err != nil {
		t.Fatal(err)
	}
	if err := plan.Run(t.Context(), reflect.New(reflect.TypeFor[Orders]()).Elem(), func() error { return nil }); err != nil {
		t.Error(err)
	}
}
