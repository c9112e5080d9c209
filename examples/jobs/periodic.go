package talk

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Night has jobs that are enqueued once a day. With overlap:"allow" they need no store.
type Night struct {
	_ service.Name `service:"night"`

	Entrypoints struct {
		Dummy jobs.Job `jobs:"dummy_periodic_job" cron:"1 0 * * *" tz:"Europe/Madrid" overlap:"allow" queue:"my_queue"`
		Date  jobs.Job `jobs:"date_job(days=1)" cron:"30 2 * * *" tz:"Europe/Madrid" overlap:"allow" retry:"1m 10m"`
	}
}

// Dummy is DummyPeriodicJob.
func (*Night) Dummy(context.Context) error { return nil }

// Date returns the date that many days before the tick, in Madrid. It is the same in each attempt,
// however late that is.
func (*Night) Date(_ context.Context, tick timer.Tick, days int) (string, error) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		return "", err
	}
	return tick.Nominal.In(madrid).AddDate(0, 0, -days).Format(time.DateOnly), nil
}
