package service_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// exit ends the goroutine that calls it if at is the place that the test has chosen.
type exit struct{ at string }

func (e *exit) here(place string) {
	if e.at == place {
		runtime.Goexit()
	}
	if e.at == "panic in "+place {
		panic(error(nil))
	}
}

// Leaver is a service whose calls can be ended anywhere.
type Leaver struct {
	_ service.Name `service:"leaver"`

	Entrypoints struct {
		Plain   Trigger `trigger:"plain" method:"Do"`
		Limited Trigger `trigger:"limited" method:"Do" timeout:"1m"`
	}

	Outer *Goods `inject:""`
	Exit  *exit
}

func (l *Leaver) Do(context.Context) error {
	l.Exit.here("the method")
	if strings.HasSuffix(l.Exit.at, "an error") {
		return oddError{l.Exit}
	}
	return nil
}

// oddError is an error whose own methods may end the goroutine.
type oddError struct{ exit *exit }

func (e oddError) Expected() bool { e.exit.here("Expected of an error"); return true }
func (e oddError) Error() string  { e.exit.here("Error of an error"); return "odd" }

// No matter what ends the goroutine of a call, Run returns an error, the outcome is logged, and the
// worker is freed.
func TestExit(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"the method", "a middleware", "a provider", "a Done", "Expected of an error", "Error of an error"} {
		for _, how := range []string{"", "panic in "} {
			e := &exit{how + place}
			log := new(journal)
			middleware := func(next service.Runner) service.Runner {
				return func(ctx context.Context) (any, error) {
					e.here("a middleware")
					return next(ctx)
				}
			}
			cfg := service.Config{MaxWorkers: 1, Logger: log.logger()}
			if place == "a middleware" {
				cfg.Middleware = []service.Middleware{middleware}
			}
			ended := 0
			_, all := start(t, cfg, fx.Module("leaver", service.Provide(&Leaver{Exit: e}), di.PerCall(func() di.Provider[*Goods] {
				return func(context.Context) (*Goods, di.Done, error) {
					e.here("a provider")
					return nil, func(err error) error { ended++; e.here("a Done"); return err }, nil
				}
			})))
			for _, row := range []string{"leaver.plain", "leaver.limited", "leaver.plain"} {
				_, err := all.fire(context.Background(), row)
				var odd oddError
				var p *service.PanicError
				if how == "" && !errors.Is(err, service.ErrExited) && !errors.As(err, &odd) || how != "" && !errors.As(err, &p) && !errors.As(err, &odd) {
					t.Errorf("%s, %s: got %v, want that it ended there", e.at, row, err)
				}
				if lines := log.take(); strings.Count(lines, `msg="call failed"`) != 1 {
					t.Errorf("%s, %s: got the log %q, want that the call failed", e.at, row, lines)
				}
			}
			if want := map[bool]int{true: 3}[place != "a middleware" && place != "a provider"]; ended != want {
				t.Errorf("%s: got %d Dones, want %d", e.at, ended, want)
			}
		}
	}
}
