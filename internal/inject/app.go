package inject

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
)

// An App is an fx application, together with the structs whose fields it sets. The application
// provides the *App itself, so options can use it.
type App struct {
	Targets []*Target // in the order of their Fill options; fx runs those of modules first
	Partial bool      // targets were removed, so some options may not be needed by any of the others

	app    *fx.App
	opts   []fx.Option
	err    error
	asking *field // the field whose value fx is creating
	events events
}

// New creates the application of opts and the values that its targets need. It logs nothing unless
// opts contain fx.WithLogger. [App.Err] returns the mistakes of the application, and [Target.Bind]
// those of the fields.
//
// The application's fx.Shutdowner calls shutDown with its exit code, possibly before New returns.
// It replaces that of fx, which only reaches callers of fx.App.Wait, and Wait installs signal
// handlers.
func New(shutDown func(exitCode int), opts ...fx.Option) *App {
	a := &App{}
	silent := fx.Logger(nowhere{}) // fx uses it if a dependency cycle prevents it from creating its logger
	ours := fx.Decorate(func(fx.Shutdowner) fx.Shutdowner { return shutdowner(shutDown) })
	opts = slices.Concat([]fx.Option{silent, fx.WithLogger(a.logger), fx.Supply(a), ours}, opts)
	a.app, a.opts = fx.New(opts...), opts
	err := a.app.Err()
	failed := a.asking
	switch {
	case err != nil && failed == nil:
		a.err = inWords(err)
		return a
	case err != nil:
		failed.err = inWords(err)
	}
	a.diagnose()
	return a
}

func (a *App) logger() fxevent.Logger { return &a.events }

// Err returns the mistakes that do not concern a single field, one a line.
func (a *App) Err() error { return a.err }

// diagnose finds out why fields have no value. If there are such fields, it validates the graph of
// the application without running it.
func (a *App) diagnose() {
	sound := false
	for _, t := range a.Targets {
		for _, f := range t.fields {
			if f.err != nil || f.source != nil || f.value.IsValid() && !f.value.IsZero() {
				continue
			}
			if !sound {
				if err := fx.ValidateApp(slices.Clone(a.opts)...); err != nil {
					a.err = inWords(err)
					return
				}
				sound = true
			}
			f.err = a.why(f)
		}
	}
}

// why returns why f has no value, or nil if the application provides a zero value.
func (a *App) why(f *field) error {
	err := a.validate(f.demand(f.entry()))
	if _, direct := unprovided(err); err != nil && !direct {
		return inWords(err)
	}
	err = a.validate(f.demand(f.typ))
	like, direct := unprovided(err)
	if direct {
		return f.nothing(like, a.events.perCallProviderOf(f))
	}
	return inWords(err)
}

// validate returns an error if the application does not provide the parameters of the function
// invoked.
func (a *App) validate(invoked any) error {
	return fx.ValidateApp(append(slices.Clone(a.opts), fx.Invoke(invoked))...)
}

// Provider returns the name of the function that provides values of type t, "fx.Supply" if the
// value is supplied, or "" if nothing provides it.
func (a *App) Provider(t reflect.Type) string {
	by := a.events.providerOf(t)
	if by == "" || a.validate(new(field).demand(t)) != nil { // the type has the same name, but is another one
		return ""
	}
	return by
}

// Provides reports whether the application provides a value of type t, either one for the process
// or one for each call.
func (a *App) Provides(t reflect.Type) bool {
	return a.Provider(t) != "" || a.Provider((&field{typ: t}).entry()) != ""
}

// Start runs the start hooks of the application in order. If one fails or ctx ends, Start runs the
// stop hooks of those that succeeded. Errors name the constructor that appended the hook.
//
// If a hook is running when ctx ends, Start only waits briefly for it. If the hook takes longer,
// the stop hooks run when it returns, provided that the process is still running.
func (a *App) Start(ctx context.Context) error {
	c := newStartContext(ctx)
	a.events.begin(c)
	err := a.app.Start(c)
	if ctx.Err() != nil {
		c.wait()
	}
	return a.inWords(ctx, err)
}

// Stop runs the stop hooks in reverse order. It runs all of them, even if some fail, unless ctx
// ends. Errors name the constructor that appended the hook.
func (a *App) Stop(ctx context.Context) error { return a.inWords(ctx, a.app.Stop(ctx)) }

// inWords rewrites the error of hooks that ran with ctx for users of gomeko.
func (a *App) inWords(ctx context.Context, err error) error {
	running, failed := a.events.take()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && running != "":
		return errors.Join(append(failed, fmt.Errorf("the %s did not return: %w", running, context.Cause(ctx)))...)
	case len(failed) > 0:
		return errors.Join(failed...)
	}
	return err
}

// A shutdowner calls the function that was passed to [New].
type shutdowner func(exitCode int)

// Shutdown returns nil, even if a shutdown has been requested before.
func (s shutdowner) Shutdown(opts ...fx.ShutdownOption) error {
	code := 0
	for _, opt := range opts {
		if v := reflect.ValueOf(opt); v.IsValid() && v.Type() == exitCodeType && v.CanInt() {
			code = int(v.Int())
		}
	}
	s(code)
	return nil
}

// exitCodeType is the unexported type of the option fx.ExitCode, an int.
var exitCodeType = reflect.TypeOf(fx.ExitCode(0))
