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

// A HealthChecker is a value that knows whether it works, such as a client of a database. The
// container checks the values that fields of its services hold, that extensions share ([Shared]),
// and those of [CheckHealth], every [Config].HealthInterval. A value with the method PingContext,
// such as a [*database/sql.DB], is checked with that if it has no Health.
//
//	func (s *Store) Health(ctx context.Context) error { return s.db.PingContext(ctx) }
//
// A dependency fails when three checks in a row have failed, and works again when two in a row have
// succeeded. [Host.Ready] returns an error meanwhile, and with [Config].PauseUnhealthy the services
// that use it pause.
//
// Health must return when ctx ends, after [Config].HealthTimeout; one that does not counts as
// failed, and is not called again until it has returned. It is called by one goroutine at a time.
// It must not call other services: two that check each other would never resume, so such a call is
// refused, and the check fails.
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
// services are the names of the services that use it; without any it is all of the container.
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
// started, and after it has stopped, they are as they were last. It must not be called before [New]
// has returned.
func (h *Host) Health() []HealthState {
	states := make([]HealthState, len(h.container.health.checks))
	for i, c := range h.container.health.checks {
		states[i] = c.state()
	}
	return states
}

// WatchHealth has fn called when a dependency begins to fail, and when it works again. Calls for
// one dependency come in order. fn must not block. WatchHealth is called by Entrypoint, Dependency
// and by those who make shares, before [New] returns.
func (h *Host) WatchHealth(fn func(HealthState)) {
	c := h.container
	c.health.watchers = append(c.health.watchers, fn)
}

// WatchPauses has fn called when a dependency of a service begins to fail, and when it works again:
// the service's rows pause meanwhile, for that reason. Without [Config].PauseUnhealthy it is never
// called. Otherwise, it is as WatchHealth.
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

// An UnavailableError is the error of a request for a row whose service cannot work at present.
type UnavailableError struct {
	Service    string
	Dependency string // which fails: [HealthState].Name
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("service %s is unavailable: %s is failing", e.Service, e.Dependency)
}

// Unavailable returns an [*UnavailableError] if [Config].PauseUnhealthy is set and a dependency of
// the row's service is failing, else nil. It is for entrypoints whose callers wait for an answer:
// they refuse requests, while rows with queues pause.
func (r *Row) Unavailable() error {
	if e := r.hosted.unavailable.Load(); e != nil {
		return e
	}
	return nil
}

// RefuseInHealth returns an error if ctx is that of a [HealthChecker], and has the check fail. what
// is what the Health has called, as in "users.get_user". It is for clients of other services.
func RefuseInHealth(ctx context.Context, what string) error {
	c, ok := ctx.Value(checkKey{}).(*check)
	if !ok {
		return nil
	}
	err := &healthCallError{c.name, what}
	c.refuse(err)
	return err
}

// A healthCallError is the mistake of a Health that calls a service.
type healthCallError struct{ name, what string }

func (e *healthCallError) Error() string {
	return fmt.Sprintf("the Health of %s calls %s: it must not call other services, because two that check each other would never resume; "+
		"check only what this process depends on itself", e.name, e.what)
}

// failing returns an error if a dependency is failing. It has no addresses, which are in the log.
func (h *health) failing() error {
	for _, c := range h.checks {
		if s := c.state(); s.Failing {
			return fmt.Errorf("%s has been failing for %s", s.Name, time.Since(s.Since).Round(time.Second))
		}
	}
	return nil
}

// collect finds what is to be checked, when the services are bound. The error has all mistakes.
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
