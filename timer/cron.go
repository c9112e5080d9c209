package timer

import (
	"cmp"
	"errors"

	"github.com/gomeko/gomeko/service"
)

// Cron is an entrypoint row whose method is called at the times of a cron expression, each time in
// one process of the fleet. Package [cron] describes the expressions.
//
//	Report timer.Cron `timer:"30 2 * * *" tz:"Europe/Madrid"`
//
// The tag key tz names the time zone of the expression, as in the IANA database; the default is
// UTC. The method is func(ctx) error or func(ctx, [Tick]) error. The package's documentation
// describes the further tag keys eager, jitter, missed and overlap.
type Cron struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Cron) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	t := &ticker{row: r, inFleet: true}
	if err := errors.Join(t.plan.ReadCron(r.Tag, "timer"), t.options("tz")); err != nil {
		return nil, err
	}
	return t.entrypoint()
}

// Describe implements [service.RowDescriber].
func (Cron) Describe(r *service.Row) service.Description {
	return service.Description{Details: map[string]any{
		"cron": r.Tag.Get("timer"), "zone": cmp.Or(r.Tag.Get("tz"), "UTC"), "once": "fleet",
	}}
}
