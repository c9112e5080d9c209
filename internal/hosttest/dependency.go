package hosttest

import (
	"context"
	"sync/atomic"
)

// A Dependency is a value of a service whose health a test sets. The zero value is healthy.
type Dependency struct{ err atomic.Pointer[error] }

// Set sets the result of further checks.
func (d *Dependency) Set(err error) { d.err.Store(&err) }

// Health implements service.HealthChecker.
func (d *Dependency) Health(context.Context) error {
	if err := d.err.Load(); err != nil {
		return *err
	}
	return nil
}
