package timer_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
)

// Untimely has every mistake of a Cron.
type Untimely struct {
	_ service.Name `service:"untimely"`

	Entrypoints struct {
		None   timer.Cron     `method:"Fine"`
		Minute timer.Cron     `timer:"61 * * * *" method:"Fine"`
		Zone   timer.Cron     `timer:"0 3 * * *" tz:"Europe/Madird" method:"Fine"`
		Host   timer.Cron     `timer:"0 3 * * *" tz:"Local" method:"Fine"`
		Wide   timer.Cron     `timer:"*/10 * * * *" jitter:"10m" method:"Fine"`
		Long   timer.Cron     `timer:"0 3 * * *" timeout:"30m" method:"Fine"`
		Longer timer.Interval `timer:"1h" once:"fleet" timeout:"26m" method:"Fine"`
		Each   timer.Interval `timer:"1h" timeout:"26m" method:"Fine"`
		Once   timer.Cron     `timer:"0 3 * * *" once:"fleet" method:"Fine"`
	}
}

func (*Untimely) Fine(context.Context) error { return nil }

func TestCronMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Untimely))
	want := []string{
		`None: has no cron expression: write one, as in timer:"30 2 * * *" for 02:30 each day`,
		`Minute: cron expression "61 * * * *": minute: "61" is not a value: write 0 to 59`,
		`Zone: tz "Europe/Madird" is not a time zone: write a name such as tz:"Europe/Madrid"`,
		`Host: tz "Local" is not a time zone: write a name such as tz:"Europe/Madrid"`,
		`Wide: jitter 10m must be less than the time between ticks, 10m0s, so that they keep their order`,
		`Long: timeout 30m0s is longer than 25m0s: for longer work, use a jobs.Job with the key cron`,
		`Longer: timeout 26m0s is longer than 25m0s: for longer work, use a jobs.Job with the key cron`,
		`Once: unknown key once in its tag: known keys: tz, timer, eager, jitter, missed, overlap, method, timeout, max_workers, sensitive, lenient, isolate, memory, doc, allow, confirm`,
	}
	if got := strings.ReplaceAll(errText(err), "service untimely: ", ""); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// Nightly reports at 02:30 in Madrid.
type Nightly struct {
	_ service.Name `service:"nightly"`

	Entrypoints struct {
		Report timer.Cron `timer:"30 2 * * *" tz:"Europe/Madrid"`
	}

	ticks chan timer.Tick
	ids   chan string
}

func (n *Nightly) Report(ctx context.Context, tick timer.Tick) error {
	n.ticks <- tick
	n.ids <- service.FromContext(ctx).ID
	return nil
}

// The error of a program without a fleet says what to add.
func TestNoFleet(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(Nightly))
	const want = "Report: ticks once in the fleet, but no fleet is configured: add service.Configure(fleet.Timers()) to the services"
	if !strings.Contains(errText(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A hosted service ticks in virtual time, and its calls have the nominal time in their id.
func TestHosted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at midnight in UTC
		n := &Nightly{ticks: make(chan timer.Tick, 10), ids: make(chan string, 10)}
		servicetest.New(t, n)
		time.Sleep(48 * time.Hour)
		for day := range 2 {
			tick := <-n.ticks
			want := time.Date(2000, 1, 1+day, 1, 30, 0, 0, time.UTC)
			if !tick.Nominal.Equal(want) || tick.Actual.Sub(want) > time.Second || tick.Missed != 0 {
				t.Errorf("got %+v, want the tick of %v", tick, want)
			}
			if got, want := <-n.ids, "nightly.Report."+want.Format(time.RFC3339); got != want {
				t.Errorf("got the call %s, want %s", got, want)
			}
		}
	})
}
