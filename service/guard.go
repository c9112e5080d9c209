package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// A Guard decides whether a call of a row with the key allow may run: it checks that the grant
// which came with the call is of a user who may run the row. It is called before the call waits for
// a worker, for each attempt, and returns ctx or a context derived from it, which becomes that of
// the call. Its error is the call's, which is not tried again. Several goroutines call it at once.
//
// [Configure] sets it. Package panel/grant has the one that verifies grants of control panels.
// Without a Guard all calls run, and [Container.Start] logs a warning if there are rows with allow.
type Guard func(ctx context.Context, r *Row, req *Request) (context.Context, error)

// guarded reports whether a guard decides about the calls of the row.
func (r *Row) guarded() bool { return r.container.guard != nil && r.allow != "" }

// Admitted reports whether another process has asked its [Guard] about the call already, whose
// method runs in this one ([Row.Perform]). The Guard of this process is asked only for the context
// of the call: the grant may have expired meanwhile, and Job and Payload are not known here.
func (req *Request) Admitted() bool { return req.performed }

// UseGrants says that the requests of the row have the Grant that came with them, and those of jobs
// also Job and Payload. Without it, the key allow is a mistake of the row. Entrypoint calls it.
func (r *Row) UseGrants() { r.grants = true }

// checkGrants returns the mistake of a row with the key allow whose calls come without grants.
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

// ask asks a guard. Its panic is its error.
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
