package timer

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer/cron"
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
	var mistakes []error
	zone := time.UTC
	if name := r.Tag.Get("tz"); name != "" {
		var err error
		if zone, err = time.LoadLocation(name); err != nil || name == "Local" {
			mistakes = append(mistakes, fmt.Errorf(`tz %q is not a time zone: write a name such as tz:"Europe/Madrid"`, name))
			zone = time.UTC
		}
	}
	if text := r.Tag.Get("timer"); text == "" {
		mistakes = append(mistakes, errors.New(`has no cron expression: write one, as in timer:"30 2 * * *" for 02:30 each day`))
	} else if s, err := cron.Parse(text, zone); err != nil {
		mistakes = append(mistakes, err)
	} else {
		t.schedule = s
	}
	mistakes = append(mistakes, t.options("tz"))
	if err := errors.Join(mistakes...); err != nil {
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
