package timer

import (
	"cmp"
	"context"
	"errors"

	"github.com/gomeko/gomeko/service"
)

// Cron is an entrypoint row whose method is called at the times of a cron expression, each time in
// one process of the fleet. Package [cron] describes the expressions.
//
//	Report timer.Cron `timer:"30 2 * * *" tz:"Europe/Madrid"`
//
// The tag key tz names the time zone of the expression, as in the IANA database; the default is
// UTC. The method is func(ctx) error or func(ctx, [Tick]) error. The package documentation
// describes the tag keys eager, jitter, missed and overlap.
type Cron struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Cron) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	t := &ticker{row: r, inFleet: true}
	if err := errors.Join(t.plan.ReadCron(r.Tag, "timer"), t.options("tz")); err != nil {
		return nil, err
	}
	return t.entrypoint()
}

// Serve returns a member that calls call at the times of the cron expression in the key of r's tag,
// in one process of the fleet each time, like the method of a [Cron] row. It is for extensions
// whose rows do something other than call the method, such as jobs. The tag keys tz and missed work
// as for a Cron row; the caller of Serve checks the other keys.
//
// A tick is done when call returns nil. After an error, or if the process dies, call is called
// again for the same tick, in this process or another one. call should therefore retry by itself
// for as long as that makes sense, and must return when ctx ends or the container stops. Calls do
// not overlap.
func Serve(r *service.Row, key string, call func(ctx context.Context, t Tick) error) (Member, error) {
	t := &ticker{row: r, inFleet: true, serve: call}
	if err := errors.Join(t.plan.ReadCron(r.Tag, key), t.plan.ReadPolicies(r.Tag)); err != nil {
		return nil, err
	}
	return t.member()
}

// Isolatable says that rows may have isolate:"process".
func (Cron) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Cron) Describe(r *service.Row) service.Description {
	return service.Description{Details: map[string]any{
		"cron": r.Tag.Get("timer"), "zone": cmp.Or(r.Tag.Get("tz"), "UTC"), "once": "fleet",
	}}
}
