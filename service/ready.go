package service

import (
	"errors"
	"fmt"
	"time"
)

// An Extension takes part in a container without a row or a field, such as a server for health
// checks. [New] calls it when the services are bound; it may call [Lookup] and [Shared].
// [Configure] adds it:
//
//	service.Configure[service.Extension](web.ServeReady)
type Extension func(h *Host) error

// An Outage is an optional interface of shared values ([Shared]) that depend on something outside
// of the process, such as a connection to a broker.
type Outage interface {
	// Outage returns what is unavailable, such as "the broker", and since when. The time is zero if
	// nothing is.
	Outage() (what string, since time.Time)
}

// Ready returns nil if the container has started, is not stopping, has no dependency that is
// failing ([HealthChecker]), and has had no [Outage] for longer than grace. A negative grace
// ignores outages. The error is for operators of the process; it contains no addresses.
func (h *Host) Ready(grace time.Duration) error {
	c := h.container
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	switch {
	case state < running:
		return errors.New("starting")
	case state > running:
		return errors.New("stopping")
	}
	if err := c.health.failing(); err != nil || grace < 0 {
		return err
	}
	for _, m := range c.parts() {
		o, ok := m.value.(Outage)
		if !ok {
			continue
		}
		if what, since := o.Outage(); !since.IsZero() && time.Since(since) > grace {
			return fmt.Errorf("%s has been away for %s", what, time.Since(since).Round(time.Second))
		}
	}
	return nil
}
