package periodic

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/timer/cron"
)

// Headers of a job that was enqueued at a tick. See docs/wire/jobs.md.
const (
	TickHeader   = "gomeko.tick"        // when the tick was due, in the format 2006-01-02T15:04:05Z
	MissedHeader = "gomeko.tick_missed" // number of ticks skipped before it; missing if none
)

// Body is the body of a job that was enqueued at a tick, in JSON.
const Body = `{"args": [], "kwargs": {}}`

// ContentType is the content type of [Body].
const ContentType = "application/json"

// ID returns the id of the job for a tick. Every process computes the same id.
func ID(service, name string, nominal time.Time) string {
	text := fmt.Sprintf("gomeko.jobs:%s.%s@%s", service, name, nominal.UTC().Format(time.RFC3339Nano))
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(text)).String()
}

// Headers returns the headers of the job for a tick.
func Headers(nominal time.Time, missed int) map[string]any {
	headers := map[string]any{TickHeader: nominal.UTC().Format(time.RFC3339Nano)}
	if missed > 0 {
		headers[MissedHeader] = int64(missed)
	}
	return headers
}

// Read removes the headers of a tick, and returns their values. It returns the zero time if there
// are none.
func Read(headers map[string]any) (nominal time.Time, missed int) {
	if text, ok := headers[TickHeader].(string); ok {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			nominal = t.UTC()
		}
	}
	missed, _ = strconv.Atoi(fmt.Sprint(headers[MissedHeader])) // JSON and AMQP decode it to different types
	delete(headers, TickHeader)
	delete(headers, MissedHeader)
	return nominal, missed
}

// Job returns a row's job for a tick.
func Job(p store.Periodic, nominal time.Time, missed int) store.New {
	headers, err := json.Marshal(Headers(nominal, missed))
	if err != nil {
		panic(err) // strings and numbers can always be encoded
	}
	terms := p.Terms
	if ticks.Overlap(p.Overlap) == ticks.OverlapQueue && terms.Resource == "" {
		terms.Resource = "cron:" + p.Service + "." + p.Name // so they run one at a time
	}
	return store.New{
		ID: ID(p.Service, p.Name, nominal), Service: p.Service, Name: p.Name, Queue: p.Queue,
		Payload: []byte(Body), ContentType: ContentType, Headers: string(headers), Terms: terms,
	}
}

// PlanOf parses the schedule of a row.
func PlanOf(p store.Periodic) (ticks.Plan, error) {
	plan := ticks.Plan{Missed: ticks.Missed(p.Missed), Overlap: ticks.Overlap(p.Overlap)}
	zone, err := ticks.Zone(p.Zone)
	if err == nil {
		plan.Schedule, err = cron.Parse(p.Schedule, zone)
	}
	return plan, err
}

// Next returns when the next tick of a row is due, which is in the past if the tick is late. It
// returns the zero time if the schedule cannot be parsed here.
func Next(p store.Periodic) time.Time {
	plan, err := PlanOf(p)
	if err != nil {
		return time.Time{}
	}
	at, _ := plan.Due(p.Last, p.Now)
	return at
}

// RunNow inserts a job of a row that is due now, even if the row is paused. The row's ticks do not
// change.
func RunNow(ctx context.Context, s *store.Store, service, name string) (store.Periodic, error) {
	p, done, err := s.Tick(ctx, service, name, func(p store.Periodic) store.Tick {
		if ticks.Overlap(p.Overlap) == ticks.OverlapSkip && p.Waiting() {
			return store.Tick{}
		}
		return store.Tick{Jobs: []store.New{Job(p, p.Now, 0)}}
	})
	if err == nil && len(done.Jobs) == 0 {
		err = fmt.Errorf(`%s.%s: its job %s is %s, and the row says overlap:"skip": wait until it has ended, or cancel it`, service, name, p.Job, p.State)
	}
	return p, err
}

// atOnce limits how many jobs are inserted in one transaction.
const atOnce = 100

// Decide returns the jobs of a row that are due.
func Decide(plan ticks.Plan, p store.Periodic) (t store.Tick) {
	if p.Paused || plan.Overlap == ticks.OverlapSkip && p.Waiting() {
		return t
	}
	for last := p.Last; len(t.Jobs) < atOnce; last = t.Last {
		at, missed := plan.Due(last, p.Now)
		if at.After(p.Now) {
			break
		}
		t.Jobs = append(t.Jobs, Job(p, at, missed))
		t.Last = at
		t.Missed += missed
		if plan.Overlap == ticks.OverlapSkip {
			break
		}
	}
	return t
}
