package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/service"
)

// Cancel cancels a run. The user must see the run and be allowed to start its row. A job that waits
// will never run. The ctx of a running method is cancelled within some seconds; whether the run
// then ends as cancelled depends on the method. The error wraps [ErrEnded] if the run has ended, or
// is that of [Runs.Get].
func (r *Runs) Cancel(ctx context.Context, who Who, id string) error {
	x, err := r.Get(ctx, who, id)
	if err != nil {
		return err
	}
	err = r.mayCancel(ctx, who, x)
	if err == nil {
		err = r.cancel(ctx, who, x)
	}
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	entry := account.Entry{Action: "run.cancel", Object: x.Service + "." + x.Row, Details: map[string]any{"run": x.ID}, Failed: failed}
	return errors.Join(err, r.cfg.Accounts.As(who.actor()).Record(context.WithoutCancel(ctx), entry))
}

// mayCancel returns a [DeniedError] if the user may not cancel a run.
func (r *Runs) mayCancel(ctx context.Context, who Who, x *Run) error {
	if err := who.require(x.Allow, x.Service+"."+x.Row); err != nil {
		return err
	}
	if x.Job == "" || x.Job == x.ID {
		return nil
	}
	others, err := r.load(ctx, x.Job) // runs that started the same job, because of its unique key
	for _, other := range others {
		err = errors.Join(err, who.see(other))
	}
	return err
}

const marking = `UPDATE gomeko_panel_run SET cancel = $2 WHERE id = $1 AND open = 1`

func (r *Runs) cancel(ctx context.Context, who Who, x *Run) error {
	ended := fmt.Errorf("run %s %w: it has %s", x.ID, ErrEnded, x.State)
	switch {
	case x.State.Final():
		return ended
	case r.elsewhere(x):
		return fmt.Errorf("run %s cannot be cancelled: its job is in another store of jobs than that of this panel", x.ID)
	case x.Kind == Job && r.cfg.Jobs == nil:
		return fmt.Errorf("run %s cannot be cancelled: that needs a store of jobs", x.ID)
	}
	if _, err := r.exec(ctx, r.cfg.DB, marking, x.ID, who.User.Name); err != nil {
		return err
	}
	if x.Kind == RPC {
		r.cancelHere(x.ID) // if the run belongs to another process, that one cancels it within a tick
		return nil
	}
	j, err := r.cfg.Jobs.Cancel(ctx, x.Job)
	switch {
	case errors.Is(err, store.ErrNotFound) && x.State == Starting:
		return fmt.Errorf("run %s cannot be cancelled yet: the job is being enqueued, try again", x.ID)
	case errors.Is(err, store.ErrState):
		return ended
	case err != nil:
		return err
	}
	if j.State.Final() {
		err = r.endJob(ctx, x, x.Job)
	}
	r.watch.look()
	return err
}

// Again returns the request that starts a run again with the same arguments, except those that were
// not kept. hidden lists the parameters whose values the user must enter again. The error is that
// of [Runs.Get].
func (r *Runs) Again(ctx context.Context, who Who, id string) (q Request, hidden []string, err error) {
	x, err := r.Get(ctx, who, id)
	if err != nil {
		return q, nil, err
	}
	values, err := object(x.Arguments)
	if err != nil {
		return q, nil, fmt.Errorf("run %s: arguments: %w", x.ID, err)
	}
	for _, name := range x.Hidden {
		if shown, ok := stripped(values[name]); ok {
			values[name] = shown
		} else {
			delete(values, name)
		}
	}
	text, err := json.Marshal(values)
	return Request{Service: x.Service, Row: x.Row, Arguments: text}, x.Hidden, err
}

// stripped returns a value without its hidden parts, or false if nothing is left.
func stripped(value any) (any, bool) {
	switch v := value.(type) {
	case string:
		return v, v != service.Redacted
	case map[string]any:
		left := map[string]any{}
		for name, one := range v {
			if shown, ok := stripped(one); ok {
				left[name] = shown
			}
		}
		return left, true
	case []any:
		left := []any{}
		for _, one := range v {
			if shown, ok := stripped(one); ok {
				left = append(left, shown)
			}
		}
		return left, true
	}
	return value, true
}
