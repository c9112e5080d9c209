package service_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// Silo is a dependency whose health a test sets.
type Silo struct {
	mu     sync.Mutex
	err    error
	checks int
	check  func(ctx context.Context) error // instead of err
}

func (s *Silo) Health(ctx context.Context) error {
	s.mu.Lock()
	s.checks++
	check, err := s.check, s.err
	s.mu.Unlock()
	if check != nil {
		return check(ctx)
	}
	return err
}

func (s *Silo) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *Silo) checked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checks
}

// Store is how the services see the silo.
type Store interface{ Health(context.Context) error }

// Farm and Bakery share a silo; Bureau has none.
type Farm struct {
	_ service.Name `service:"farm"`

	Store Store `inject:""`

	Entrypoints struct {
		Plough Trigger `trigger:"plough"`
	}
}

type Bakery struct {
	_ service.Name `service:"bakery"`
	kitchen

	Entrypoints struct {
		Bake Trigger `trigger:"bake"`
	}
}

type kitchen struct {
	Silo *Silo `inject:""`
}

type Bureau struct {
	_ service.Name `service:"bureau"`

	Entrypoints struct {
		File Trigger `trigger:"file"`
	}
}

func (*Farm) Plough(context.Context) error { return nil }
func (*Bakery) Bake(context.Context) error { return nil }
func (*Bureau) File(context.Context) error { return nil }

// startVillage starts the services, in a bubble of synctest.
func startVillage(t *testing.T, cfg service.Config, silo *Silo, opts ...any) (*service.Container, triggers, *hosttest.Log) {
	t.Helper()
	all, log := triggers{}, new(hosttest.Log)
	cfg.Logger = log.Logger()
	opts = append([]any{new(Bureau), new(Farm), new(Bakery), service.Configure(all),
		fx.Provide(func() *Silo { return silo }, func(s *Silo) Store { return s })}, opts...)
	c, err := service.New(cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, all, log
}

func stop(t *testing.T, c *service.Container) {
	t.Helper()
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// pass lets some checks pass.
func pass(checks int) {
	time.Sleep(time.Duration(checks) * time.Second * 5 / 4)
	synctest.Wait()
}

// A dependency is failing after three consecutive failures, and works again after two successes.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silo, changes := new(Silo), make(chan service.HealthState, 10)
		watch := service.Configure[service.Extension](func(h *service.Host) error {
			h.WatchHealth(func(s service.HealthState) { changes <- s })
			return nil
		})
		c, _, log := startVillage(t, service.Config{HealthInterval: time.Second}, silo, watch)
		began := time.Now()
		expect := func(when string, failing bool, since time.Time) {
			t.Helper()
			all := c.Host().Health()
			if len(all) != 1 {
				t.Fatalf("%s: got %+v, want one state of the value that two services use", when, all)
			}
			s := all[0]
			if s.Name != "service_test.Silo" || fmt.Sprint(s.Services) != "[farm bakery]" || s.Failing != failing || !since.IsZero() && !s.Since.Equal(since) {
				t.Errorf("%s: got %+v, want failing %v since %s", when, s, failing, since)
			}
			if err := c.Host().Ready(0); (err != nil) != failing {
				t.Errorf("%s: got that it is not ready: %v", when, err)
			}
		}
		synctest.Wait()
		expect("at the start", false, began)

		silo.set(errors.New("connection refused to 10.1.2.3"))
		for checks := silo.checked(); silo.checked() < checks+2; {
			time.Sleep(time.Second / 8)
		}
		synctest.Wait()
		silo.set(nil) // two failures
		pass(2)
		expect("after two failures", false, began)

		silo.set(errors.New("connection refused to 10.1.2.3"))
		pass(3)
		expect("after three failures", true, time.Time{})
		if s := <-changes; !s.Failing || s.Err == nil {
			t.Errorf("got %+v, want that it fails", s)
		}
		failed := c.Host().Health()[0].Since
		time.Sleep(time.Until(failed.Add(10 * time.Second)))
		if got := c.Host().Ready(-1).Error(); got != "service_test.Silo has been failing for 10s" {
			t.Errorf("got %q, want the dependency without its address", got)
		}
		silo.set(nil)
		for checks := silo.checked(); silo.checked() < checks+1; {
			time.Sleep(time.Second / 8)
		}
		synctest.Wait()
		expect("after one success", true, failed)
		pass(1)
		expect("after two successes", false, time.Time{})
		if s := <-changes; s.Failing || s.Err != nil || len(changes) > 0 {
			t.Errorf("got %+v and %d more, want that it works again", s, len(changes))
		}
		for _, line := range []string{"dependency is failing", "dependency works again"} {
			if got := len(log.Lines(line)); got != 1 {
				t.Errorf("got %d lines %q, want 1", got, line)
			}
		}
		stop(t, c)
		checks := silo.checked()
		pass(5)
		if silo.checked() != checks {
			t.Error("it was checked after the stop")
		}
	})
}

// A Health that hangs counts as failed, is called only once, and delays nothing else.
func TestHangingHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silo, release := new(Silo), make(chan struct{})
		silo.check = func(context.Context) error {
			<-release
			return nil
		}
		before := runtime.NumGoroutine()
		c, _, _ := startVillage(t, service.Config{HealthInterval: time.Second, HealthTimeout: 2 * time.Second}, silo)
		time.Sleep(10 * time.Second)
		if s := c.Host().Health()[0]; !s.Failing || s.Err == nil || silo.checked() != 1 {
			t.Errorf("got %+v after %d checks, want that it fails and one check", s, silo.checked())
		}
		if got := runtime.NumGoroutine() - before; got > 20 {
			t.Errorf("got %d more goroutines", got)
		}
		close(release)
		pass(3)
		if s := c.Host().Health()[0]; s.Failing {
			t.Errorf("got %+v, want that it works again", s)
		}
		silo.mu.Lock()
		silo.check = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		silo.mu.Unlock()
		time.Sleep(15 * time.Second)
		if s := c.Host().Health()[0]; !s.Failing || fmt.Sprint(s.Err) != "no answer within 2s" && !errors.Is(s.Err, context.DeadlineExceeded) {
			t.Errorf("got %+v, want that it fails with its deadline", s)
		}
		stop(t, c)
	})
}

// A Health that panics or ends its goroutine has failed.
func TestPanickingHealth(t *testing.T) {
	t.Parallel()
	for _, check := range []func(context.Context) error{
		func(context.Context) error { panic("dry") },
		func(context.Context) error { runtime.Goexit(); return nil },
		func(context.Context) error { return (*dryError)(nil) },
		func(context.Context) error { return exitingError{} },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := startVillage(t, service.Config{HealthInterval: time.Second}, &Silo{check: check})
			pass(4)
			if s := c.Host().Health()[0]; !s.Failing || s.Err == nil || s.Err.Error() == "" {
				t.Errorf("got %+v, want that it fails", s)
			}
			stop(t, c)
		})
	}
}

// A dryError panics if it is nil, like many error types.
type dryError struct{ silo string }

func (e *dryError) Error() string { return e.silo + " is dry" }

// An exitingError ends the goroutine that asks for its text.
type exitingError struct{}

func (exitingError) Error() string { runtime.Goexit(); return "" }

// A Health that calls a service is refused and fails, even if it ignores the error.
func TestHealthThatCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Value
		silo := &Silo{check: func(ctx context.Context) error {
			refused.Store(service.RefuseInHealth(ctx, "mill.grind"))
			return nil
		}}
		c, all, log := startVillage(t, service.Config{HealthInterval: time.Second}, silo)
		pass(4)
		const want = "the Health of service_test.Silo calls mill.grind: it must not call other services"
		if err, _ := refused.Load().(error); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if s := c.Host().Health()[0]; !s.Failing || !strings.HasPrefix(fmt.Sprint(s.Err), want) {
			t.Errorf("got %+v, want that it fails", s)
		}
		if got := len(log.Lines("mistake in a health check")); got != 1 {
			t.Errorf("got %d lines, want 1", got)
		}
		if _, err := all.fire(t.Context(), "farm.plough"); err != nil {
			t.Error(err)
		}
		if err := service.RefuseInHealth(t.Context(), "mill.grind"); err != nil {
			t.Errorf("got %v outside of a Health", err)
		}
		stop(t, c)
	})
}

// With PauseUnhealthy, services that use a failing dependency are unavailable, and others are not.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			silo := &Silo{err: errors.New("dry")}
			c, all, _ := startVillage(t, service.Config{HealthInterval: time.Second, PauseUnhealthy: on}, silo)
			pass(4)
			var unavailable *service.UnavailableError
			if err := all["bakery.bake"].Unavailable(); errors.As(err, &unavailable) != on || on && err.Error() != "service bakery is unavailable: service_test.Silo is failing" {
				t.Errorf("got %v with PauseUnhealthy %v", err, on)
			}
			if err := all["bureau.file"].Unavailable(); err != nil {
				t.Errorf("got %v for a service that does not use it", err)
			}
			silo.set(nil)
			pass(3)
			if err := all["bakery.bake"].Unavailable(); err != nil {
				t.Errorf("got %v, want that it is available again", err)
			}
			stop(t, c)
		})
	}
}

// Pump is a shared value with a Health, and Motor is one that it needs.
type (
	Pump  struct{ Silo }
	Motor struct{ Silo }
)

func (*Pump) Start(context.Context) error  { return nil }
func (*Pump) Stop(context.Context) error   { return nil }
func (*Motor) Start(context.Context) error { return nil }
func (*Motor) Stop(context.Context) error  { return nil }

// Water is a dependency that shares the pump.
type Water struct{}

func (Water) Dependency(f *service.Field) (any, error) {
	_, err := service.Shared(f.Host, func(h *service.Host) (*Pump, error) {
		_, err := service.Shared(h, func(*service.Host) (*Motor, error) { return new(Motor), nil })
		return new(Pump), err
	})
	return Water{}, err
}

type Garden struct {
	_ service.Name `service:"garden"`

	Water Water
}

type Pond struct {
	_ service.Name `service:"pond"`

	Water Water
}

// Shared values are also checked, for the services whose extensions use them. CheckHealth adds
// values that no field holds.
func TestHealthUsers(t *testing.T) {
	t.Parallel()
	db := sql.OpenDB(nil)
	t.Cleanup(func() { db.Close() })
	silo := new(Silo)
	c, err := service.New(service.Config{}, new(Garden), new(Bureau), new(Pond),
		fx.Supply(db, silo), service.CheckHealth[*sql.DB]("bureau"), service.CheckHealth[*Silo]())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range c.Host().Health() {
		got[s.Name] = strings.Join(s.Services, " ")
	}
	want := map[string]string{"service_test.Pump": "garden pond", "service_test.Motor": "garden pond", "sql.DB": "bureau", "service_test.Silo": "garden bureau pond"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Two values of one type have different names.
func TestHealthNames(t *testing.T) {
	t.Parallel()
	c, err := service.New(service.Config{}, &struct {
		_     service.Name `service:"double"`
		First *Silo
		Next  *Silo
	}{First: new(Silo), Next: new(Silo)})
	if err != nil {
		t.Fatal(err)
	}
	if all := c.Host().Health(); len(all) != 2 || all[0].Name != "service_test.Silo" || all[1].Name != "service_test.Silo 2" {
		t.Errorf("got %+v, want two names", all)
	}
}

// CheckHealth is for values with a check, and for services of the container.
func TestCheckHealthMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Bureau), fx.Supply(new(strings.Builder), new(Silo)),
		service.CheckHealth[*strings.Builder](), service.CheckHealth[*Silo]("bureu"))
	for _, want := range []string{
		"service.CheckHealth: *strings.Builder has neither the method Health(context.Context) error nor PingContext",
		`service.CheckHealth[*service_test.Silo]: no such service "bureu": the services are bureau`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
