package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// An application can end the container with its fx.Shutdowner: while it is made, in a start hook,
// or while calls run. The container stops in order, and Wait returns the exit code.
func TestShutdowner(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		code int
		did  string
	}{
		{"made", 3, "start: shut down 3, wait: shut down 3"},
		{"start hook", 0, "pool starts, start hook 0, late hook, late hook ends, pool stops, start: shut down 0, wait: shut down 0"},
		{"running", 256, "pool starts, late hook, called, late hook ends, pool stops, start: nil, wait: shut down 256"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var did []string
				say := func(what string) { did = append(did, what) }
				log, all := &journal{}, triggers{}
				var shutdowner fx.Shutdowner
				ask := func() {
					if err := shutdowner.Shutdown(fx.ExitCode(test.code)); err != nil {
						t.Error(err)
					}
				}
				c, err := service.New(service.Config{Logger: log.logger()},
					&Work{Func: func(context.Context) (any, error) {
						ask()
						ask()
						time.Sleep(time.Second)
						say("called")
						return nil, nil
					}},
					fx.Invoke(func(life fx.Lifecycle, s fx.Shutdowner) {
						shutdowner = s
						life.Append(fx.StartStopHook(func() { say("pool starts") }, func() { say("pool stops") }))
						if test.name == "start hook" {
							life.Append(fx.StartHook(func() { say(fmt.Sprint("start hook ", test.code)); ask() }))
						}
						life.Append(fx.StartStopHook(func(ctx context.Context) error {
							say("late hook")
							return ctx.Err()
						}, func() { say("late hook ends") }))
						if test.name == "made" {
							ask()
						}
					}), service.Configure(all))
				if err != nil {
					t.Fatal(err)
				}
				tell := func(step string, err error) {
					var asked *service.ShutdownError
					switch {
					case err == nil:
						say(step + ": nil")
					case errors.As(err, &asked):
						say(fmt.Sprint(step, ": shut down ", asked.ExitCode))
					default:
						t.Errorf("got %v from %s", err, step)
					}
				}
				started := c.Start(t.Context())
				if started == nil {
					do := all["work.do"]
					do.Go(func(ctx context.Context) { _, _ = do.Run(ctx, service.Request{}) })
				}
				<-c.Stopping()
				ended := c.Wait()
				tell("start", started)
				tell("wait", ended)
				if got := strings.Join(did, ", "); got != test.did {
					t.Errorf("got  %s\nwant %s", got, test.did)
				}
				want := fmt.Sprintf("level=INFO msg=\"shutdown requested\" exit_code=%d\n", test.code)
				if got := log.take(); strings.Count(got, want) != 1 || strings.Contains(got, "ERROR") {
					t.Errorf("got\n%swant once, and no error\n%s", got, want)
				}
			})
		})
	}
}

// Calls that do not end in time are cut off, and the error of Wait says so.
func TestShutdownIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, rest := triggers{}, make(chan struct{})
		var shutdowner fx.Shutdowner
		c, err := service.New(service.Config{Logger: (&journal{}).logger(), Grace: time.Minute},
			&Work{Func: func(context.Context) (any, error) { <-rest; return nil, nil }}, fx.Populate(&shutdowner), service.Configure(all))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		do := all["work.do"]
		do.Go(func(ctx context.Context) { _, _ = do.Run(ctx, service.Request{}) })
		synctest.Wait()
		began := time.Now()
		_ = shutdowner.Shutdown()
		err = c.Wait()
		close(rest)
		var asked *service.ShutdownError
		if !errors.As(err, &asked) || asked.ExitCode != 0 || !strings.Contains(err.Error(), "1 call cut off") {
			t.Errorf("got %v, want exit code 0 and the call that was cut off", err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %s, want the grace of a minute", took)
		}
	})
}
