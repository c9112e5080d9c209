package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// Till has two values for each call, and one for the process.
type Till struct {
	_ service.Name `service:"till"`

	Entrypoints struct {
		Sell  Trigger `trigger:"sell(n)"`
		Timed Trigger `trigger:"timed(n)" method:"Sell" timeout:"5s"`
	}

	User User                                      `inject:""`
	Tx   Tx                                        `inject:""`
	Func *func(ctx context.Context, t *Till) error `inject:""`
}

// User and Tx have the id of their call.
type (
	User struct{ call string }
	Tx   struct{ call string }
)

func (t *Till) Sell(ctx context.Context, n int) (int, error) {
	return n, (*t.Func)(ctx, t)
}

// A recorder records the steps of a call, and in each step does what the test says.
type recorder struct {
	mu   sync.Mutex
	did  []string
	acts map[string]func(err error) error
}

func (r *recorder) say(step string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		step += "(" + err.Error() + ")"
	}
	r.did = append(r.did, step)
}

func (r *recorder) act(step string, err error) error {
	r.say(step, err)
	if act := r.acts[step]; act != nil {
		return act(err)
	}
	return err
}

func (r *recorder) steps() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.did, ", ")
}

// outcome is what a log line says about a call.
var outcome = regexp.MustCompile(`^(level=\w+) msg="call \w+"(.*)`)

// Write records the log lines of calls.
func (r *recorder) Write(line []byte) (int, error) {
	if m := outcome.FindStringSubmatch(string(line)); m != nil {
		r.say("log "+m[1]+m[2], nil)
	}
	return len(line), nil
}

func perCall[T any](r *recorder, name string, v func(call string) T) fx.Option {
	return di.PerCall(func() di.Provider[T] {
		return func(ctx context.Context) (T, di.Done, error) {
			done := func(err error) error { return r.act(name+" done", err) }
			return v(service.FromContext(ctx).ID), done, r.act(name, nil)
		}
	})
}

// An argument records that it was decoded.
type argument struct{ *recorder }

func (a argument) Decode(any) error { a.say("argument", nil); return nil }

// till starts a Till and returns a function that makes a call.
func (r *recorder) till(t *testing.T) (*service.Container, func(ctx context.Context, row string) error) {
	t.Helper()
	method := func(_ context.Context, till *Till) error {
		if till.User.call == "" || till.User.call != till.Tx.call {
			return fmt.Errorf("got values of %q and %q, want both of this call", till.User.call, till.Tx.call)
		}
		return r.act("method", nil)
	}
	around := func(next service.Runner) service.Runner {
		return func(ctx context.Context) (any, error) {
			r.say("middleware", nil)
			v, err := next(ctx)
			r.say("middleware done", err)
			return v, err
		}
	}
	all := triggers{}
	c, err := service.New(service.Config{
		Middleware: []service.Middleware{around},
		Logger: slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				switch a.Key {
				case slog.LevelKey, slog.MessageKey, "err":
					return a
				}
				return slog.Attr{}
			},
		})),
	},
		fx.Module("till", service.Provide(new(Till)), fx.Supply(&method),
			perCall(r, "user", func(call string) User { return User{call} }),
			perCall(r, "tx", func(call string) Tx { return Tx{call} })), service.Configure(all))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, func(ctx context.Context, row string) error {
		_, err := all["till."+row].Run(ctx, service.Request{Arguments: signature.Arguments{Positional: []signature.Value{argument{r}}}})
		r.say("reply", err)
		return err
	}
}

// TestOrder checks the order of a call's steps for every outcome.
func TestOrderOfACall(t *testing.T) {
	t.Parallel()
	late := func(error) error { time.Sleep(8 * time.Second); return nil } // in the bubble: before it is stuck
	before := "middleware, argument, user, tx, method, "
	for _, tc := range []struct {
		name string
		row  string
		acts map[string]func(error) error
		want string
	}{
		{"success", "sell", nil,
			before + "tx done, user done, middleware done, log level=DEBUG, reply"},
		{"error", "sell", map[string]func(error) error{"method": fails},
			before + "tx done(EOF), user done(EOF), middleware done(EOF), log level=ERROR err=EOF, reply(EOF)"},
		{"panic", "sell", map[string]func(error) error{"method": panics},
			before + "tx done(PANIC), user done(PANIC), middleware done(PANIC), log level=ERROR err=\"PANIC\", reply(PANIC)"},
		{"in time", "timed", nil,
			before + "tx done, user done, middleware done, log level=DEBUG, reply"},
		{"timeout", "timed", map[string]func(error) error{"method": late},
			before + "middleware done(TIMEOUT), log level=ERROR err=\"TIMEOUT\", reply(TIMEOUT), tx done(TIMEOUT), user done(TIMEOUT)"},
		{"timeout and error", "timed", map[string]func(error) error{"method": func(err error) error { _ = late(err); return io.EOF }},
			before + "middleware done(TIMEOUT), log level=ERROR err=\"TIMEOUT\", reply(TIMEOUT), tx done(LATE: EOF), user done(LATE: EOF)"},
		{"timeout in a provider", "timed", map[string]func(error) error{"tx": func(err error) error { _ = late(err); return io.EOF }},
			"middleware, argument, user, tx, middleware done(TIMEOUT), log level=ERROR err=\"TIMEOUT\", reply(TIMEOUT), user done(Tx: EOF)"},
		{"timeout in a Done", "timed", map[string]func(error) error{"tx done": late},
			before + "tx done, middleware done(TIMEOUT), log level=ERROR err=\"TIMEOUT\", reply(TIMEOUT), user done"},
		{"a provider fails", "sell", map[string]func(error) error{"tx": fails},
			"middleware, argument, user, tx, user done(Tx: EOF), middleware done(Tx: EOF), log level=ERROR err=\"Tx: EOF\", reply(Tx: EOF)"},
		{"a provider expects it", "sell", map[string]func(error) error{"user": func(error) error { return notFound{io.EOF} }},
			"middleware, argument, user, middleware done(User: EOF), log level=WARN err=\"User: EOF\", reply(User: EOF)"},
		{"a provider panics", "sell", map[string]func(error) error{"tx": panics},
			"middleware, argument, user, tx, user done(Tx: PANIC), middleware done(Tx: PANIC), log level=ERROR err=\"Tx: PANIC\", reply(Tx: PANIC)"},
		{"a Done fails", "sell", map[string]func(error) error{"tx done": fails},
			before + "tx done, user done(EOF), middleware done(EOF), log level=ERROR err=EOF, reply(EOF)"},
		{"a Done replaces", "sell", map[string]func(error) error{"method": fails, "tx done": func(err error) error { return notFound{fmt.Errorf("roll back: %w", err)} }},
			before + "tx done(EOF), user done(roll back: EOF), middleware done(roll back: EOF), log level=WARN err=\"roll back: EOF\", reply(roll back: EOF)"},
		{"a Done swallows", "sell", map[string]func(error) error{"method": fails, "user done": func(error) error { return nil }},
			before + "tx done(EOF), user done(EOF), middleware done, log level=DEBUG, reply"},
		{"a Done panics", "sell", map[string]func(error) error{"tx done": panics},
			before + "tx done, user done(PANIC), middleware done(PANIC), log level=ERROR err=\"PANIC\", reply(PANIC)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{acts: tc.acts}
				c, call := r.till(t)
				_ = call(t.Context(), tc.row)
				if err := c.Stop(context.Background()); err != nil { // it waits for late calls
					t.Error(err)
				}
				if got := spelled(r.steps()); got != tc.want {
					t.Errorf("got  %s\nwant %s", got, tc.want)
				}
			})
		})
	}
}

func fails(error) error  { return io.EOF }
func panics(error) error { panic("at the disco") }

// spelled shortens the texts of errors.
func spelled(steps string) string {
	return strings.NewReplacer(
		"panic: at the disco", "PANIC",
		"call timed out: context deadline exceeded", "TIMEOUT",
		service.ErrTimeout.Error(), "LATE",
		service.ErrStopped.Error(), "STOPPED",
	).Replace(steps)
}

// TestKillEndsValues checks that the values of a call are closed when its method returns after a
// kill, both if it runs in the goroutine of Run and if Run has returned without it.
func TestKillEndsValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, row string
		method    func(context.Context) error
		want      string
	}{
		{"polite", "sell", func(ctx context.Context) error { return ctx.Err() },
			"tx done(STOPPED), user done(STOPPED), middleware done(STOPPED), log level=ERROR err=\"STOPPED\", reply(STOPPED)"},
		{"done all the same", "sell", func(context.Context) error { return nil },
			"tx done(STOPPED), user done(STOPPED), middleware done(STOPPED), log level=ERROR err=\"STOPPED\", reply(STOPPED)"},
		{"late", "timed", func(context.Context) error { time.Sleep(time.Second); return nil }, // in the bubble
			"middleware done(STOPPED), log level=ERROR err=\"STOPPED\", reply(STOPPED), tx done(STOPPED), user done(STOPPED)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{acts: map[string]func(error) error{}}
				c, call := r.till(t)
				kill := make(chan struct{})
				r.acts["method"] = func(error) error {
					close(kill)
					synctest.Wait() // until it is killed
					return tc.method(killed{})
				}
				go func() {
					<-kill
					c.Kill()
				}()
				_ = call(context.Background(), tc.row)
				time.Sleep(time.Minute) // in the bubble: until the method has returned
				if got, want := spelled(r.steps()), "middleware, argument, user, tx, method, "+tc.want; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// killed is the context of a call that was killed.
type killed struct{ context.Context }

func (killed) Err() error { return context.Canceled }

// TestValuesArePerCall runs many calls at once: each has its own values, each value is closed once,
// and no goroutine is left.
func TestValuesArePerCall(t *testing.T) {
	const calls, atOnce = 10_000, 64
	before := goleak.IgnoreCurrent()
	var made, ended atomic.Int64
	var open sync.Map // of the values that were made and not ended
	method := func(ctx context.Context, till *Till) error {
		id := service.FromContext(ctx).ID
		if till.User.call != id || till.Tx.call != id {
			return fmt.Errorf("got values of %q and %q in call %q", till.User.call, till.Tx.call, id)
		}
		if _, ok := open.Load(id); !ok {
			return errors.New("the value is ended already")
		}
		return nil
	}
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)},
		new(Till), fx.Supply(&method), di.PerCall(func() di.Provider[User] {
			return func(ctx context.Context) (User, di.Done, error) { return User{service.FromContext(ctx).ID}, nil, nil }
		}),
		di.PerCall(func() di.Provider[Tx] {
			return func(ctx context.Context) (Tx, di.Done, error) {
				id := service.FromContext(ctx).ID
				open.Store(id, true)
				made.Add(1)
				return Tx{id}, func(err error) error {
					if _, ok := open.LoadAndDelete(id); ok {
						ended.Add(1)
					}
					return errors.Join(err, ctx.Err())
				}, nil
			}
		}), service.Configure(triggers{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, _ := service.Lookup[triggers](c.Host())
	work := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for n := range work {
				row := []string{"till.sell", "till.timed"}[n%2]
				got, err := all.fire(t.Context(), row, n)
				if err != nil || got != n {
					t.Errorf("got %v, %v, want %d", got, err, n)
				}
			}
		})
	}
	for n := range calls {
		work <- n
	}
	close(work)
	wg.Wait()
	if err := c.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if made.Load() != calls || ended.Load() != calls {
		t.Errorf("got %d values made and %d ended, want %d", made.Load(), ended.Load(), calls)
	}
	goleak.VerifyNone(t, before)
}
