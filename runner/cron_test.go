package runner

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

func TestCronNext(t *testing.T) {
	for _, c := range []struct {
		args   string // separated by |
		status int
		want   string
	}{
		{"30 2 * * *|--tz|Europe/Madrid|-n|2|--from|2026-03-28T12:00:00Z", 0,
			"Sun 2026-03-29 03:00:00 +02:00 CEST\nMon 2026-03-30 02:30:00 +02:00 CEST\n"},
		{"30 2 * * *|--tz|Europe/Madrid|-n|1|--from|2026-10-24T12:00:00Z|--json", 0,
			`{"time":"2026-10-25T00:30:00Z"}` + "\n"},
		{"61 * * * *", 2, `minute: "61" is not a value: write 0 to 59`},
		{"* * * * *|--tz|Europe/Madird", 2, `--tz "Europe/Madird": is not a time zone`},
		{"* * * * *|--from|yesterday", 2, `--from "yesterday": is not a time`},
		{"* * * * *|-n|0", 2, "-n 0: must be at least 1"},
	} {
		status, got, diagnostics := executeGomeko(append([]string{"cron", "next"}, strings.Split(c.args, "|")...)...)
		if c.status != 0 {
			got = diagnostics
		}
		if status != c.status || c.status == 0 && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s: status %d and %q, want %d and %q", c.args, status, got, c.status, c.want)
		}
	}
}

// executeGomeko runs the command gomeko in this process.
func executeGomeko(args ...string) (status int, stdout, stderr string) {
	var out, err strings.Builder
	c := &command{in: os.Stdin, out: &out, err: &err}
	status = c.execute(c.gomeko(), args)
	return status, out.String(), err.String()
}

// Sweeper sweeps once a day.
type Sweeper struct {
	_ service.Name `service:"sweeper"`

	Entrypoints struct {
		Sweep timer.Cron `timer:"0 3 * * *" tz:"Europe/Madrid"`
	}

	swept chan timer.Tick
}

func (s *Sweeper) Sweep(_ context.Context, tick timer.Tick) error {
	s.swept <- tick
	return nil
}

func TestCron(t *testing.T) {
	uri := brokertest.Embedded(t)
	sweeper := &Sweeper{swept: make(chan timer.Tick, 1)}
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, sweeper, service.Configure(fleet.Timers()))
	hosttest.Eventually(t, "the timer has a next tick", func() bool {
		_, got, _ := executeGomeko("cron", "ls", "--json", "--broker="+uri)
		return strings.Contains(got, `"next"`)
	})
	for _, c := range []struct {
		args   string // separated by spaces
		status int
		want   string // a pattern, of stdout or of stderr
	}{
		{"ls", 0, `^TIMER +SCHEDULE +ZONE +LAST +NEXT +HOLDER +JOB\nsweeper\.Sweep +0 3 \* \* \* +Europe/Madrid +\S+ \S+ CES?T +\S+ 03:00:00 CES?T +\S+/\d+-\w+ +-\n$`},
		{"ls --json", 0, `^\{"service":"sweeper","row":"Sweep","schedule":"0 3 \* \* \*","zone":"Europe/Madrid".*\}\n$`},
		{"pause sweeper.Sweep", 0, `sweeper\.Sweep .* paused `},
		{"run sweeper.Sweep", 0, `sweeper\.Sweep `},
		{"resume sweeper.Sweep", 0, `03:00:00 CES?T `},
		{"pause sweeper.Swep", 1, `^timer sweeper\.Swep: no such timer: gomeko cron ls lists them`},
		{"next 30 2 * * *", 2, `^cron next: write one expression in quotes, as in gomeko cron next '30 2 `},
		{"next", 2, `^cron next: write one expression in quotes`},
		{"pause sweeper", 2, `^"sweeper": must be SERVICE\.ROW, as in reports\.Nightly`},
		{"", 2, `^cron: name a command, as in gomeko cron ls`},
	} {
		args := append([]string{"cron"}, strings.Fields(c.args)...)
		status, got, diagnostics := executeGomeko(append(args, "--broker="+uri)...)
		if c.status != 0 {
			got = diagnostics
		}
		if status != c.status || !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: status %d and\n%s\nwant %d and %s", c.args, status, got, c.status, c.want)
		}
	}
	hosttest.Receive(t, "the call", sweeper.swept)
}

// Reports has a periodic job, which runs each year.
type Reports struct {
	_ service.Name `service:"reports"`

	Entrypoints struct {
		Nightly jobs.Job `jobs:"nightly_report" cron:"0 3 1 1 *" tz:"Europe/Madrid"`
	}

	calls chan timer.Tick
	end   chan struct{}
}

func (r *Reports) Nightly(_ context.Context, tick timer.Tick) error {
	r.calls <- tick
	<-r.end
	return nil
}

// TestCronJobs lists a timer and a periodic job, and pauses, resumes and runs the job.
func TestCronJobs(t *testing.T) {
	uri := brokertest.Embedded(t)
	db := "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	s, err := openStore(t.Context(), db, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	sweeper := &Sweeper{swept: make(chan timer.Tick, 1)}
	reports := &Reports{calls: make(chan timer.Tick, 1), end: make(chan struct{})}
	defer close(reports.end) // before the services stop
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, sweeper, reports, service.Configure(fleet.Timers()),
		service.Configure(jobs.Config{Store: s}))
	hosttest.Eventually(t, "both have a next tick", func() bool {
		_, got, _ := executeGomeko("cron", "ls", "--json", "--broker="+uri, "--store="+db)
		return strings.Count(got, `"next"`) == 2
	})
	const name = `reports\.Nightly +0 3 1 1 \* +Europe/Madrid +`
	for _, c := range []struct {
		args   string // separated by spaces
		status int
		want   string // a pattern, of stdout or of stderr
	}{
		{"ls", 0, `^TIMER .*\n` + name + `\S+ \S+ CES?T +\d+-01-01 03:00:00 CET +- +-\nsweeper\.Sweep .*\n$`},
		{"ls --json", 0, `^\{"service":"reports","row":"Nightly","schedule":"0 3 1 1 \*","zone":"Europe/Madrid",.*"paused":false,"holder":"","missed":"once","overlap":"skip","job":\{"name":"nightly_report"\}\}\n`},
		{"pause reports.Nightly", 0, name + `\S+ \S+ CES?T +paused +- +-\n$`},
		{"pause reports.nightly_report", 0, ` paused `},
		{"run reports.Nightly", 0, name + `.* paused +- +[0-9a-f-]{36} queued\n$`},
		{"run reports.Nightly", 1, `reports\.nightly_report: its job [0-9a-f-]{36} is \w+, and the row says overlap:"skip": wait until it has ended, or cancel it`},
		{"resume reports.Nightly", 0, ` 03:00:00 CET `},
		{"pause reports.Weekly", 1, `^timer reports\.Weekly: no such timer: gomeko cron ls lists them`},
		{"run sweeper.Sweep", 0, `sweeper\.Sweep `},
		{"ls --broker=amqp://127.0.0.1:1", 0, `^TIMER .*\n` + name + `.*\n$`},
	} {
		args := append([]string{"cron", "--broker=" + uri, "--store=" + db}, strings.Fields(c.args)...)
		status, got, diagnostics := executeGomeko(args...)
		if c.status != 0 {
			got = diagnostics
		}
		if status != c.status || !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: status %d and\n%s\nwant %d and %s", c.args, status, got, c.status, c.want)
		}
	}
	if tick := hosttest.Next(t, reports.calls); tick.Nominal.IsZero() || tick.Missed != 0 {
		t.Errorf("called with %+v", tick)
	}
}

// TestCronForget removes a periodic row that no process has.
func TestCronForget(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "jobs.db")
	s, err := openStore(t.Context(), db, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Register(t.Context(), store.Periodic{
		Service: "reports", Name: "weekly", Field: "Weekly", Queue: "gomeko.jobs.reports",
		Schedule: "0 4 * * MON", Zone: "UTC", Missed: "once", Overlap: "skip",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string // separated by spaces
		status int
		want   string // a pattern, of stdout or of stderr
	}{
		{"ls --broker=amqp://127.0.0.1:1", 0, `\nreports\.Weekly +0 4 \* \* MON `},
		{"forget Weekly", 2, `^"Weekly": must be SERVICE\.ROW`},
		{"forget reports.Nightly", 1, `^periodic row reports\.Nightly: no such row in sqlite:\S+: gomeko cron ls lists them`},
		{"forget reports.Weekly", 0, `^removed reports\.Weekly\n$`},
		{"forget reports.Weekly", 1, `^periodic row reports\.Weekly: no such row in sqlite:`},
	} {
		status, got, diagnostics := executeGomeko(append([]string{"cron", "--store=" + db}, strings.Fields(c.args)...)...)
		if c.status != 0 {
			got = diagnostics
		}
		if status != c.status || !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: status %d and\n%s\nwant %d and %s", c.args, status, got, c.status, c.want)
		}
	}
}
