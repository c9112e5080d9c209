package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// Ink configures a Pen.
type Ink struct{ color string }

// Pen is a dependency that is configured with one Ink and any number of Papers.
type Pen struct {
	ink    Ink
	papers []Paper
}

type Paper string

func (Pen) Dependency(f *service.Field) (any, error) {
	ink, ok := service.Lookup[Ink](f.Host)
	if !ok {
		return nil, errors.New("no ink")
	}
	return Pen{ink, service.LookupAll[Paper](f.Host)}, f.Tag.Keys()
}

type Desk struct {
	_ service.Name `service:"desk"`

	Entrypoints struct {
		Write Trigger `trigger:"write"`
	}

	Pen Pen
}

func (d *Desk) Write(context.Context) (string, error) {
	return strings.TrimSuffix(fmt.Sprintln(d.Pen.ink.color, d.Pen.papers), "\n"), nil
}

// A configured value takes precedence over a default, and hosts complete both.
func TestConfigure(t *testing.T) {
	t.Parallel()
	module := fx.Module("pen", fx.Supply(Ink{"blue"}), service.Configure[Ink]())
	darker := service.Complete(func(i Ink) Ink { return Ink{"dark" + i.color} })
	for want, options := range map[string][]any{
		"blue []":          {module},
		"red []":           {module, fx.Replace(Ink{"red"})},
		"green []":         {service.Configure(Ink{"green"})},
		"black []":         {service.Configure(Ink{"black"}), service.Defaults(Ink{"default"})},
		"default []":       {service.Defaults(Ink{"default"}), service.Defaults(Ink{"second"})},
		"darkblue []":      {module, darker},
		"dark []":          {darker},
		"darkdefault []":   {darker, service.Defaults(Ink{"default"})},
		"grey [A4 A5]":     {service.Configure(Ink{"grey"}), service.Configure(Paper("A4"), "A5")},
		"grey [A4 A5 A6]":  {service.Configure(Ink{"grey"}), service.Configure(Paper("A4"), "A5"), service.Configure(Paper("A6"))},
		"grey [a default]": {service.Defaults(Ink{"grey"}, Paper("a default"), 7)},
	} {
		_, all := start(t, service.Config{}, append(options, new(Desk))...)
		if got, err := all.fire(t.Context(), "desk.write"); err != nil || got != want {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	}
}

// Values without an effect are mistakes, each reported with its fix.
func TestConfigureMistakes(t *testing.T) {
	t.Parallel()
	ink := service.Configure(Ink{"blue"})
	for _, tc := range []struct {
		name    string
		options []any
		want    string
	}{
		{"none", []any{ink}, ""},
		{"missing", nil, "service desk: Pen: no ink"},
		{"not provided", []any{service.Configure[Ink]()}, "application: service.Configure needs service_test.Ink, which nothing provides: add fx.Provide(func(…) (service_test.Ink, error)) to the module"},
		{"not read", []any{ink, service.Configure(7)}, "service.Configure: int is not read by any extension of the services: remove it"},
		{"a pointer", []any{ink, service.Configure(&Ink{"red"})}, "service.Configure: service_test.Ink is given as *service_test.Ink: remove the &"},
		{"a pointer of a module", []any{ink, fx.Supply(&Ink{"red"}), service.Configure[*Ink]()},
			"service.Configure: service_test.Ink is asked for as *service_test.Ink: write service.Configure[service_test.Ink]()"},
		{"twice", []any{ink, service.Configure(Ink{"red"})}, "service.Configure: service_test.Ink is configured twice: keep one"},
		{"twice at once", []any{service.Configure(Ink{"blue"}, Ink{"red"})}, "service.Configure: service_test.Ink is configured twice: keep one"},
		{"the value of a module", []any{ink, fx.Supply(7), service.Configure[int]()}, ""},
		{"a default", []any{ink, service.Defaults(7, &Ink{"red"}, Ink{"red"})}, ""},
		{"completed", []any{ink, service.Complete(func(n int) int { return n })}, ""},
		{"two", []any{ink, service.Configure(7), service.Configure("seven")},
			"service.Configure: int is not read by any extension of the services: remove it\n" +
				"service.Configure: string is not read by any extension of the services: remove it"},
		{"a supplied value", []any{service.Defaults(Ink{"blue"}), fx.Supply(Ink{"red"})},
			"application: fx.Supply provides service_test.Ink, which has no effect there: add service.Configure[service_test.Ink]() to the module"},
		{"a supplied pointer", []any{service.Defaults(Ink{"blue"}), fx.Supply(&Ink{"red"})},
			"application: fx.Supply provides *service_test.Ink, which has no effect there: provide it without the *, and add service.Configure[service_test.Ink]() to the module"},
		{"a named value", []any{ink, fx.Supply(fx.Annotated{Name: "other", Target: Ink{"red"}})}, ""},
		{"a middleware", []any{ink, fx.Provide(newAudit)},
			"application: service_test.newAudit provides service.Middleware, which has no effect there: add service.Configure[service.Middleware]() to the module"},
		{"no middleware", []any{ink, service.Configure[service.Middleware](nil)}, "service.Configure: a middleware is nil: remove it"},
		{"a container's", []any{ink, fx.Supply(service.Config{MaxWorkers: 7})},
			"application: fx.Supply provides service.Config, which has no effect there: pass it to service.New; a program with package runner " +
				"has these as keys of its configuration file, and Middleware is passed to service.Configure"},
		{"a value that is not configured", []any{ink, Ink{"red"}},
			"service service_test.Ink: must be a pointer to the struct of a service, as in new(Orders); a configuration value needs service.Configure(…)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := service.New(service.Config{}, append(tc.options, new(Desk))...)
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

func newAudit() service.Middleware { return func(next service.Runner) service.Runner { return next } }

// Quill is a dependency that looks up a pointer.
type Quill struct{}

func (Quill) Dependency(f *service.Field) (any, error) {
	_, _ = service.Lookup[*Ink](f.Host)
	return Quill{}, nil
}

func TestConfigureByPointer(t *testing.T) {
	t.Parallel()
	type Scribe struct {
		_     service.Name `service:"scribe"`
		Quill Quill
	}
	_, err := service.New(service.Config{}, new(Scribe), service.Configure(Ink{"blue"}))
	want := "service.Configure: *service_test.Ink is given as service_test.Ink: pass a pointer"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
