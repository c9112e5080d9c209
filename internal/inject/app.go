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

// An App is an fx application with the structs whose fields it gives values. It is in its own graph, so that an option can
// ask for it.
type App struct {
	Targets []*Target // in the order in which fx invokes what Fill has made: those of modules first
	Values  []any     // what options that ask for the App have put there, for extensions

	app    *fx.App
	err    error
	asking *field // the field whose value fx is making
	events events
}

// New makes the application of opts, and with it what the fields of its targets need. It logs nothing, unless opts
// have an fx.WithLogger. [App.Err] tells what went wrong, and the fields' own mistakes come from [Target.Bind].
//
// shutDown is called when the fx.Shutdowner of the application is, with its exit code; it may be called before New returns.
// fx's own Shutdowner is replaced: it reaches only callers of fx.App.Wait, which handles signals of the process too.
func New(shutDown func(exitCode int), opts ...fx.Option) *App {
	a := &App{}
	silent := fx.Logger(nowhere{}) // what fx logs to when a circle keeps it from its logger
	ours := fx.Decorate(func(fx.Shutdowner) fx.Shutdowner { return shutdowner(shutDown) })
	opts = slices.Concat([]fx.Option{silent, fx.WithLogger(a.logger), fx.Supply(a), ours}, opts)
	a.app = fx.New(opts...)
	err := a.app.Err()
	failed := a.asking
	switch {
	case err != nil && failed == nil:
		a.err = inWords(err)
		return a
	case err != nil:
		failed.err = inWords(err)
	}
	a.diagnose(opts)
	return a
}

func (a *App) logger() fxevent.Logger { return &a.events }

// Err returns the mistakes that concern no field, in words that leave out how fx came upon them; of each a line.
func (a *App) Err() error { return a.err }

// diagnose finds why fields were given nothing. It asks a graph in which nothing is run, and only when there are such fields.
func (a *App) diagnose(opts []fx.Option) {
	sound := false
	for _, t := range a.Targets {
		for _, f := range t.fields {
			if f.err != nil || f.source != nil || f.value.IsValid() && !f.value.IsZero() {
				continue
			}
			if !sound {
				if err := fx.ValidateApp(slices.Clone(opts)...); err != nil {
					a.err = inWords(err)
					return
				}
				sound = true
			}
			f.err = a.why(f, opts)
		}
	}
}

// why returns why f was given nothing; nil if zero is what is provided.
func (a *App) why(f *field, opts []fx.Option) error {
	err := fx.ValidateApp(append(slices.Clone(opts), fx.Invoke(f.demand(f.entry())))...)
	if _, direct := unprovided(err); err != nil && !direct {
		return inWords(err)
	}
	err = fx.ValidateApp(append(slices.Clone(opts), fx.Invoke(f.demand(f.typ)))...)
	like, direct := unprovided(err)
	if direct {
		return f.nothing(like, a.events.providerOf(f))
	}
	return inWords(err)
}

// Start runs the start hooks of the application in order. When one fails, or ctx ends, the hooks of what was started are run to
// stop it, and the error names the constructor whose hook it was.
func (a *App) Start(ctx context.Context) error { return a.hooks(ctx, a.app.Start) }

// Stop runs the stop hooks in reverse order, all of them unless ctx ends. Their errors name the constructor.
func (a *App) Stop(ctx context.Context) error { return a.hooks(ctx, a.app.Stop) }

// A shutdowner calls the function that [New] was given.
type shutdowner func(exitCode int)

// Shutdown never fails: a second request is one too many, and does nothing.
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

// exitCodeType is fx's unexported type of the option fx.ExitCode, an int.
var exitCodeType = reflect.TypeOf(fx.ExitCode(0))

func (a *App) hooks(ctx context.Context, run func(context.Context) error) error {
	err := run(ctx)
	running, failed := a.events.take()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && running != "":
		return errors.Join(append(failed, fmt.Errorf("the %s has not ended: %w", running, context.Cause(ctx)))...)
	case len(failed) > 0:
		return errors.Join(failed...)
	}
	return err
}
