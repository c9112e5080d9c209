package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// A Guard decides whether a call of a row with the key allow may run, by checking that the grant
// sent with the call belongs to a user who may run the row. It is called for each attempt, before
// the call waits for a worker, and returns ctx or a context derived from it, which becomes the
// call's context. If it returns an error, the call fails with that error and is not retried.
// Several goroutines may call it at once.
//
// Set it with [Configure]. Package panel/grant has the one that verifies grants of control panels.
// Without a Guard, all calls run, and [Container.Start] logs a warning if there are rows with
// allow.
type Guard func(ctx context.Context, r *Row, req *Request) (context.Context, error)

// guarded reports whether a guard decides about the calls of the row.
func (r *Row) guarded() bool { return r.container.guard != nil && r.allow != "" }

// Admitted reports whether the [Guard] of another process has already admitted the call, and this
// process only runs its method ([Row.Perform]). The Guard of this process is then called only for
// the call's context: the grant may have expired meanwhile, and Job and Payload are not known here.
func (req *Request) Admitted() bool { return req.performed }

// UseGrants declares that the row's requests have the Grant that came with them and, for jobs, also
// Job and Payload. Without it, the key allow is a mistake in the row. Call it from Entrypoint.
func (r *Row) UseGrants() { r.grants = true }

// checkGrants returns an error if the row has the key allow but its calls come without grants.
func (r *Row) checkGrants() error {
	if r.allow == "" || r.grants {
		return nil
	}
	return fmt.Errorf("allow: people cannot run a %s from a control panel, only RPC methods and jobs: remove it", r.Type)
}

// guards sets the guard of the container.
func (b *binder) guards() {
	guard, ok := Lookup[Guard](b.container.host)
	if ok && guard == nil {
		b.addf("service.Configure", "the guard is nil: remove it")
	}
	b.container.guard = guard
}

// admit asks a guard whether the call may run, and returns the context of the call.
func (c *run) admit(ctx context.Context, guard Guard) (_ context.Context, denied error) {
	admitted, err := c.ask(ctx, guard)
	if err != nil {
		return ctx, refusal{err}
	}
	return admitted, nil
}

// errDetachedGuard is the error of a guard that did not derive its context from the call's.
var errDetachedGuard = errors.New("the guard returned no context: it must return the one it got, or one derived from it")

// ask calls a guard, and returns its panic as an error.
func (c *run) ask(ctx context.Context, guard Guard) (admitted context.Context, err error) {
	var none any
	defer recovered(&none, &err)
	admitted, err = guard(ctx, c.row, &c.request)
	if err == nil && admitted == nil {
		err = errDetachedGuard
	}
	return admitted, err
}

// A refusal is the error of a guard.
type refusal struct{ error }

func (e refusal) Unwrap() error { return e.error }

// refused reports whether err is a refusal, and then logs it.
func (c *run) refused(err error) bool {
	denied, ok := err.(refusal) //nolint:errorlint // the methods of others are not called here
	if ok {
		c.log(slog.LevelWarn, "call refused", denied.error)
	}
	return ok
}

// warnUnguarded logs the rows that only the control panel protects.
func (c *Container) warnUnguarded() {
	if c.guard != nil {
		return
	}
	var rows []string
	for _, r := range c.rows {
		if r.allow != "" && !r.LeftOut() {
			rows = append(rows, r.path())
		}
	}
	if len(rows) > 0 {
		c.logger.Warn("whoever can write to the broker can run rows with allow: only the control panel checks its users", "rows", rows,
			"remedy", "set gomeko.grant_key to the panel's public key")
	}
}
