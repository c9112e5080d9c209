package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
)

const (
	defaultHealthInterval = 5 * time.Second
	defaultHealthTimeout  = 3 * time.Second

	failuresToFail = 3 // consecutive failures until a dependency is failing
	successesToEnd = 2 // consecutive successes until it works again
)

// health checks the dependencies of a container while it runs. It is started before the entrypoints
// and stopped after them.
type health struct {
	container *Container
	checks    []*check
	watchers  []func(HealthState)

	marking sync.Mutex // one mark at a time

	end  context.CancelFunc // nil before Start
	runs sync.WaitGroup     // of the checks; a Health that outlasts its timeout is not waited for
}

// A check is the check of one dependency.
type check struct {
	health   *health
	value    any
	run      func(context.Context) error
	name     string
	services []string

	mu sync.Mutex

	failing   bool
	since     time.Time
	err       error // of the latest check
	row       int   // how many consecutive checks have contradicted failing
	hanging   bool  // a Health has not returned
	refused   error // the mistake that the running Health made; nil if none
	announced bool  // the mistake is in the log
}

type checkKey struct{}

// checkable reports whether v can be checked.
func checkable(v any) bool { return runOf(v) != nil }

// runOf returns the function that checks v, or nil if v cannot be checked.
func runOf(v any) func(context.Context) error {
	switch v := v.(type) {
	case HealthChecker:
		return v.Health
	case interface{ PingContext(context.Context) error }:
		return v.PingContext
	}
	return nil
}

// heldBy returns the values in the exported fields of a service, and in those of structs that it
// embeds.
func heldBy(proto reflect.Value) (values []any) {
	for i := range proto.NumField() {
		f, v := proto.Type().Field(i), proto.Field(i)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			values = append(values, heldBy(v)...)
		case !f.IsExported(), f.Name == "Entrypoints":
		case (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil():
		default:
			values = append(values, v.Interface())
		}
	}
	return values
}

// add adds the check of v for services, if v can be checked.
func (h *health) add(v any, services []string) {
	if !checkable(v) {
		return
	}
	for _, c := range h.checks {
		if reflect.ValueOf(v).Comparable() && c.value == v {
			c.services = append(c.services, services...)
			return
		}
	}
	h.checks = append(h.checks, &check{health: h, value: v, run: runOf(v), services: slices.Clone(services)})
}

// name names the checks, and sorts their services. Those of the same type get numbers.
func (h *health) name() {
	count := map[string]int{}
	for _, c := range h.checks {
		c.name = strings.TrimLeft(reflect.TypeOf(c.value).String(), "*")
		if count[c.name]++; count[c.name] > 1 {
			c.name = fmt.Sprintf("%s %d", c.name, count[c.name])
		}
		c.services = slices.DeleteFunc(h.container.Names(), func(s string) bool { return !slices.Contains(c.services, s) })
	}
}

// Start begins to check. It does not wait for the first outcome.
func (h *health) Start(context.Context) error {
	ctx, end := context.WithCancel(h.container.life)
	h.end = end
	for _, c := range h.checks {
		c.mu.Lock()
		c.since = time.Now()
		c.mu.Unlock()
		h.runs.Go(func() { c.loop(ctx) })
	}
	return nil
}

// Stop ends the checks.
func (h *health) Stop(context.Context) error {
	h.Kill()
	return nil
}

// Kill ends the checks.
func (h *health) Kill() {
	h.end()
	h.runs.Wait()
}

// loop checks until ctx ends. The interval is randomized to keep processes that were started
// together from checking at the same time.
func (c *check) loop(ctx context.Context) {
	interval := cmp.Or(c.health.container.cfg.HealthInterval, defaultHealthInterval)
	for {
		if err := c.once(ctx); ctx.Err() == nil {
			c.note(err)
		}
		select {
		case <-time.After(interval*3/4 + rand.N(interval/2+1)):
		case <-ctx.Done():
			return
		}
	}
}

// errHanging is the error of a check while the Health of an earlier one is still running.
var errHanging = errors.New("an earlier check has not returned")

// once makes one check.
func (c *check) once(ctx context.Context) error {
	c.mu.Lock()
	hanging := c.hanging
	c.hanging, c.refused = true, nil
	c.mu.Unlock()
	if hanging {
		return errHanging
	}
	timeout := cmp.Or(c.health.container.cfg.HealthTimeout, defaultHealthTimeout)
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, checkKey{}, c), timeout)
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		err := ErrExited // unless it returns
		defer func() {
			if p := recover(); p != nil {
				err = panicked(p)
			}
			answer <- c.returned(err)
		}()
		if failure := c.run(ctx); failure == nil {
			err = nil
		} else {
			err = &checkError{failure.Error(), failure} // still ErrExited while Error runs, which is the service's code
		}
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", timeout)
	}
}

// A checkError is the error of a Health with its text. The method Error is called only once, where
// its panic, such as that of a nil pointer, is recovered; later it would end the process.
type checkError struct {
	text string
	err  error
}

func (e *checkError) Error() string { return e.text }
func (e *checkError) Unwrap() error { return e.err }

// returned records that the Health has returned err, and returns the outcome of the check.
func (c *check) returned(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hanging = false
	return cmp.Or(c.refused, err)
}

// refuse makes the running check fail with mistake.
func (c *check) refuse(mistake error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = mistake
	if !c.announced {
		c.announced = true
		c.health.container.logger.LogAttrs(c.health.container.life, slog.LevelError, "mistake in a health check", slog.Any("err", mistake))
	}
}

// note counts the outcome of a check, and announces a change.
func (c *check) note(err error) {
	c.mu.Lock()
	c.err = err
	if c.row++; (err != nil) == c.failing {
		c.row = 0
	}
	changed := !c.failing && c.row == failuresToFail || c.failing && c.row == successesToEnd
	lasted := time.Since(c.since)
	if changed {
		c.failing, c.since, c.row = !c.failing, time.Now(), 0
	}
	c.mu.Unlock()
	if changed {
		c.health.changed(c.state(), lasted)
	}
}

// state returns what the checks have found.
func (c *check) state() HealthState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return HealthState{Name: c.name, Services: slices.Clone(c.services), Failing: c.failing, Err: c.err, Since: c.since}
}

// changed logs that a dependency is failing or works again, and calls the watchers. lasted is how
// long the state before lasted.
func (h *health) changed(s HealthState, lasted time.Duration) {
	log := h.container.logger
	if s.Failing {
		log.LogAttrs(h.container.life, slog.LevelError, "dependency is failing", slog.String("dependency", s.Name),
			slog.Any("services", s.Services), slog.Any("err", clip.Error(s.Err)))
	} else {
		log.LogAttrs(h.container.life, slog.LevelInfo, "dependency works again", slog.String("dependency", s.Name),
			slog.Any("services", s.Services), slog.Duration("after", lasted.Round(time.Millisecond)))
	}
	if h.container.cfg.PauseUnhealthy {
		h.mark()
	}
	for _, fn := range h.watchers {
		fn(s)
	}
}

// mark makes services that use a failing dependency unavailable, and all others available.
func (h *health) mark() {
	h.marking.Lock()
	defer h.marking.Unlock()
	for _, s := range h.container.hosted {
		var e *UnavailableError
		for _, c := range h.checks {
			if state := c.state(); e == nil && state.Failing && slices.Contains(state.Services, s.name) {
				e = &UnavailableError{Service: s.name, Dependency: state.Name}
			}
		}
		s.unavailable.Store(e)
	}
}
