package store_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	modernc "modernc.org/sqlite"

	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// The zones whose clocks change: by an hour, by half an hour (Lord Howe), and at midnight
// (Santiago).
var zones = []string{"Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "America/Santiago"}

// A rule is a schedule together with the ticks expected between two times, computed without package
// cron.
type rule struct {
	expression string
	ticks      func(zone *time.Location, from, to time.Time) []time.Time
}

var rules = []rule{
	{"30 2 * * *", onceADay(2, 30)},
	{"0 0 * * *", onceADay(0, 0)},
	{"*/30 2 * * *", func(zone *time.Location, from, to time.Time) (all []time.Time) {
		for t := from.Add(time.Minute); t.Before(to); t = t.Add(time.Minute) {
			if at := t.In(zone); at.Minute()%30 == 0 && at.Hour() == 2 {
				all = append(all, t)
			}
		}
		return all
	}},
}

// onceADay returns the ticks of a fixed time: for each local date, the first minute at which the
// clock shows this time or a later one.
func onceADay(hour, minute int) func(zone *time.Location, from, to time.Time) []time.Time {
	return func(zone *time.Location, from, to time.Time) (all []time.Time) {
		shown := func(t time.Time) time.Time { // the local time, as a time in UTC
			_, offset := t.In(zone).Zone()
			return t.UTC().Add(time.Duration(offset) * time.Second)
		}
		first := shown(from)
		next := time.Date(first.Year(), first.Month(), first.Day(), hour, minute, 0, 0, time.UTC)
		for !next.After(first) {
			next = next.AddDate(0, 0, 1)
		}
		for t := from; t.Before(to); t = t.Add(time.Minute) {
			if !shown(t).Before(next) {
				all = append(all, t)
				next = next.AddDate(0, 0, 1)
			}
		}
		return all
	}
}

// yearly returns a row for each rule in each zone, with a job for each tick.
func yearly() (rows []store.Periodic) {
	for _, zone := range zones {
		for i, r := range rules {
			rows = append(rows, store.Periodic{
				Service: "reports", Name: fmt.Sprintf("%s-%d", zone, i), Field: "Nightly", Queue: "q", Schedule: r.expression, Zone: zone, Missed: "all", Overlap: "allow",
			})
		}
	}
	return rows
}

// checkTicks compares the jobs of all rows with the expected ticks. late is the longest delay of a
// job.
func checkTicks(t *testing.T, s *store.Store, from, to time.Time) (late time.Duration, jobs int) {
	t.Helper()
	for _, zone := range zones {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rules {
			name := fmt.Sprintf("%s-%d", zone, i)
			all, err := s.List(t.Context(), store.Filter{Name: name, Limit: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			created := map[string]time.Time{}
			for _, j := range all {
				created[j.ID] = j.Created
			}
			want := r.ticks(location, from, to)
			for _, tick := range want {
				at, ok := created[periodic.ID("reports", name, tick)]
				if !ok {
					t.Errorf("%s in %s: no job at %s", r.expression, zone, tick.In(location))
				}
				late = max(late, at.Sub(tick))
				if at.Before(tick) {
					t.Errorf("%s in %s: the job of %s was inserted at %s", r.expression, zone, tick.In(location), at.In(location))
				}
			}
			if len(all) != len(want) {
				t.Errorf("%s in %s: got %d jobs, want %d", r.expression, zone, len(all), len(want))
			}
			jobs += len(all)
		}
	}
	return late, jobs
}

// A beater is a process that has the rows.
type beater struct {
	t     *testing.T
	file  string
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// registerNow makes SQLite use the time of a bubble.
var registerNow = sync.OnceValue(func() error {
	return modernc.RegisterScalarFunction("gomeko_test_now", 0, func(*modernc.FunctionContext, []driver.Value) (driver.Value, error) {
		return time.Now().UnixMicro(), nil
	})
})

// openVirtual opens a file with the bubble's clock.
func openVirtual(t *testing.T, file string) *store.Store {
	s, err := sqlite.Open(context.Background(), file)
	if err != nil {
		t.Fatal(err)
	}
	exec(context.Background(), t, s.Pool(), `PRAGMA synchronous=OFF`)
	s.SetClock(`gomeko_test_now()`)
	return s
}

func (b *beater) start() {
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.ended.Go(func() {
		s := openVirtual(b.t, b.file)
		beat := &periodic.Beat{
			Store: s, Rows: yearly(), Log: slog.New(slog.DiscardHandler), Look: 24 * time.Hour, Inserted: func(store.Periodic, store.Tick) {},
		}
		beat.Run(ctx)
		closed(b.t, s)
	})
}

func (b *beater) kill() {
	b.stop()
	b.ended.Wait()
}

// TestSoakYear runs five processes around the nights on which the clocks of four zones are set
// forward or back, in virtual time, or with GOMEKO_SOAK for a year. All the time one of them dies,
// often at the moment of a tick, and at the end all of them are away for two days. Each tick gets
// exactly one job.
func TestSoakYear(t *testing.T) {
	if err := registerNow(); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GOMEKO_SOAK") != "" {
		synctest.Test(t, func(t *testing.T) { runDays(t, 366) })
		return
	}
	for _, night := range nights {
		synctest.Test(t, func(t *testing.T) {
			from, err := time.Parse(time.DateOnly, night)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(from))
			runDays(t, 1)
		})
	}
}

// runDays runs five processes for some days.
func runDays(t *testing.T, days int) {
	file := filepath.Join(t.TempDir(), "jobs.db")
	s := openVirtual(t, file)
	defer closed(t, s)
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	beaters := make([]*beater, 5)
	each := func(do func(b *beater)) {
		for _, b := range beaters {
			do(b)
		}
	}
	for i := range beaters {
		beaters[i] = &beater{t: t, file: file}
	}
	each((*beater).start)
	began, deaths := time.Now(), 0
	for end := began.AddDate(0, 0, days); time.Now().Before(end); deaths++ {
		if rand.IntN(2) == 0 {
			time.Sleep(rand.N(24 * time.Hour))
		} else {
			time.Sleep(time.Until(time.Now().Truncate(30 * time.Minute).Add(time.Duration(1+rand.IntN(48)) * 30 * time.Minute)))
		}
		b := beaters[rand.IntN(len(beaters))]
		b.kill()
		time.Sleep(rand.N(6 * time.Hour))
		b.start()
	}
	late, jobs := checkTicks(t, s, began, time.Now())
	if late > time.Second {
		t.Errorf("a job was inserted %s late", late)
	}
	t.Logf("%d jobs, %d deaths", jobs, deaths)
	each((*beater).kill)
	time.Sleep(48 * time.Hour)
	each((*beater).start)
	time.Sleep(time.Minute)
	if late, _ := checkTicks(t, s, began, time.Now()); late < 24*time.Hour {
		t.Errorf("after two days, a job was inserted only %s late", late)
	}
	each((*beater).kill)
}
