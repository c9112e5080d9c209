package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"
)

// A HealthChecker is a value that can tell whether it works, such as a database client. Every
// [Config].HealthInterval, the container checks the values that fields of its services hold, those
// that extensions share ([Shared]), and those of [CheckHealth]. A value without Health is checked
// with its method PingContext if it has one, such as a [*database/sql.DB].
//
//	func (s *Store) Health(ctx context.Context) error { return s.db.PingContext(ctx) }
//
// A dependency is failing after three consecutive failed checks, and works again after two
// consecutive successful ones. While it is failing, [Host.Ready] returns an error and, with
// [Config].PauseUnhealthy, the services that use it pause.
//
// Health must return when ctx ends, after [Config].HealthTimeout. If it does not, the check fails,
// and Health is not called again until it has returned. It is called by one goroutine at a time. It
// must not call other services, because two services that check each other would never resume: such
// a call is refused, and the check fails.
type HealthChecker interface {
	Health(ctx context.Context) error
}

// CheckHealth returns an option that checks the value of type T that the application provides. It
// is for values that no field of a service holds, such as the database behind a di.PerCall:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(OpenDB),
//		di.PerCall(InTx),
//		service.CheckHealth[*sql.DB]("orders"),
//	)
//
// services are the names of the services that use it; the default is all services of the container.
func CheckHealth[T any](services ...string) fx.Option {
	return fx.Invoke(func(c *configuration, v T) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.checked = append(c.checked, checkedValue{v, services})
	})
}

// A checkedValue is the value of a CheckHealth.
type checkedValue struct {
	value    any
	services []string
}

// A HealthState is what the checks of a dependency have found.
type HealthState struct {
	Name     string   // the type of the dependency, without *: sql.DB
	Services []string // that use it, in the order of [Host.Names]
	Failing  bool
	Err      error     // of the latest check; nil if it succeeded
	Since    time.Time // when Failing changed last; at first, when the container started
}

// Health returns the states of the dependencies whose health is checked. Before the container has
// started and after it has stopped, these are the last known states. It must not be called before
// [New] has returned.
func (h *Host) Health() []HealthState {
	states := make([]HealthState, len(h.container.health.checks))
	for i, c := range h.container.health.checks {
		states[i] = c.state()
	}
	return states
}

// WatchHealth arranges for fn to be called when a dependency begins to fail, and when it works
// again. Calls for one dependency come in order. fn must not block. Call WatchHealth before [New]
// returns, from Entrypoint, Dependency or a function passed to [Shared].
func (h *Host) WatchHealth(fn func(HealthState)) {
	c := h.container
	c.health.watchers = append(c.health.watchers, fn)
}

// WatchPauses arranges for fn to be called with on set to true when a dependency of a service
// begins to fail, which pauses the service's rows for that reason, and with false when the
// dependency works again. Without [Config].PauseUnhealthy, fn is never called. In all else,
// WatchPauses is like [Host.WatchHealth].
func (h *Host) WatchPauses(fn func(service, reason string, on bool)) {
	if !h.container.cfg.PauseUnhealthy {
		return
	}
	h.WatchHealth(func(s HealthState) {
		for _, service := range s.Services {
			fn(service, s.Name+" is failing", s.Failing)
		}
	})
}

// An UnavailableError is the error of a request that is refused because a dependency of the row's
// service is failing.
type UnavailableError struct {
	Service    string
	Dependency string // which fails: [HealthState].Name
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("service %s is unavailable: %s is failing", e.Service, e.Dependency)
}

// Unavailable returns an [*UnavailableError] if [Config].PauseUnhealthy is set and a dependency of
// the row's service is failing, else nil. It is for entrypoints whose callers wait for an answer:
// they refuse requests, whereas rows with queues pause.
func (r *Row) Unavailable() error {
	if e := r.hosted.unavailable.Load(); e != nil {
		return e
	}
	return nil
}

// RefuseInHealth returns an error if ctx comes from the Health of a [HealthChecker], and makes that
// check fail. what names the method that is called, such as "users.get_user". It is for clients of
// other services.
func RefuseInHealth(ctx context.Context, what string) error {
	c, ok := ctx.Value(checkKey{}).(*check)
	if !ok {
		return nil
	}
	err := &healthCallError{c.name, what}
	c.refuse(err)
	return err
}

// A healthCallError is the error of a Health that calls a service.
type healthCallError struct{ name, what string }

func (e *healthCallError) Error() string {
	return fmt.Sprintf("the Health of %s calls %s: it must not call other services, because two that check each other would never resume; "+
		"check only what this process depends on itself", e.name, e.what)
}

// failing returns an error if a dependency is failing. The error contains no addresses; the log has
// them.
func (h *health) failing() error {
	for _, c := range h.checks {
		if s := c.state(); s.Failing {
			return fmt.Errorf("%s has been failing for %s", s.Name, time.Since(s.Since).Round(time.Second))
		}
	}
	return nil
}

// collect finds the values to check once the services are bound. The error lists all mistakes.
func (h *health) collect(c *Container) error {
	h.container = c
	for _, m := range c.host.shared {
		h.add(m.value, m.use.services)
	}
	for _, s := range c.hosted {
		for _, v := range heldBy(s.proto) {
			h.add(v, []string{s.name})
		}
	}
	var mistakes []error
	for _, v := range c.configuration.checked {
		if !checkable(v.value) {
			mistakes = append(mistakes, fmt.Errorf("service.CheckHealth: %T has neither the method Health(context.Context) error nor PingContext: add one, or remove the option", v.value))
			continue
		}
		for _, name := range v.services {
			if !slices.Contains(c.Names(), name) {
				mistakes = append(mistakes, fmt.Errorf("service.CheckHealth[%T]: no such service %q: the services are %s", v.value, name, strings.Join(c.Names(), ", ")))
			}
		}
		if len(v.services) == 0 {
			v.services = c.Names()
		}
		h.add(v.value, v.services)
	}
	h.name()
	return errors.Join(mistakes...)
}
