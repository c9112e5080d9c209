package panel

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

const timersPath = operationsPath + "/timers"

// timersPages are the pages that show and change timers and periodic jobs.
func timersPages() []page {
	pages := []page{{pattern: "GET " + timersPath, tab: "Timers", permission: SeeTimers, serve: showTimers}}
	for _, verb := range []fleet.Verb{fleet.Pause, fleet.Resume, fleet.Run} {
		pages = append(pages, page{
			pattern: "POST " + timersPath + "/" + string(verb), permission: ChangeTimers, action: "timer." + string(verb),
			serve: func(v *visit) error { return changeTimer(v, verb) },
		})
	}
	return pages
}

// A timersPage is the data of the page of timers.
type timersPage struct {
	List   list
	Timers []shownTimer
	Change bool // the user may change something
}

// A shownTimer is a timer, or a periodic job.
type shownTimer struct {
	fleet.Timer

	Job   string // the name of the job; "" for a timer
	ID    string // of the latest job
	State store.State
	Path  string // of the latest job
}

func (t *shownTimer) key() string { return t.Service + "." + t.Row + "\x00" + t.Job }

func showTimers(v *visit) error {
	query := v.r.URL.Query()
	p := timersPage{List: list{Path: timersPath, Query: strings.TrimSpace(query.Get("q"))}, Change: v.may(ChangeTimers)}
	all, err := v.timers()
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t shownTimer) bool {
		return !strings.Contains(strings.ToLower(t.Service+"."+t.Row+" "+t.Job), strings.ToLower(p.List.Query))
	})
	slices.SortFunc(all, func(a, b shownTimer) int { return cmp.Compare(a.key(), b.key()) })
	var last string
	p.List.Total = len(all)
	if p.Timers, last = cut(all, query.Get("after"), pageSize, func(t shownTimer) string { return t.key() }); last != "" {
		p.List.Next = link(timersPath, "q", p.List.Query, "after", last)
	}
	return v.render(http.StatusOK, "timers.html", "Timers", p)
}

// timers returns the timers of running processes and the periodic jobs of the store.
func (v *visit) timers() (all []shownTimer, err error) {
	err = v.withBroker(surveyTime, func(ctx context.Context, conn *transport.Conn) error {
		timers, err := fleet.List(ctx, conn, answerTime)
		for _, t := range timers {
			all = append(all, shownTimer{Timer: t})
		}
		return ofBroker(ctx, err)
	})
	if err != nil || v.cfg.Jobs == nil {
		return all, err
	}
	periodics, err := v.cfg.Jobs.Periodics(v.ctx())
	for i := range periodics {
		all = append(all, periodicTimer(&periodics[i]))
	}
	return all, v.ofStore(err)
}

func periodicTimer(p *store.Periodic) shownTimer {
	t := shownTimer{Timer: fleet.Timer{
		Service: p.Service, Row: p.Field, Schedule: p.Schedule, Zone: p.Zone, Last: p.Last, Next: periodic.Next(*p), Paused: p.Paused,
	}, Job: p.Name, ID: p.Job, State: p.State}
	if p.State != "" {
		t.Path = link(jobPath, "id", p.Job)
	}
	return t
}

// timerTime limits the wait for the process that has the timer.
const timerTime = 3 * time.Second

// changeTimer pauses, resumes or runs a timer or a periodic job.
func changeTimer(v *visit, verb fleet.Verb) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	service, row, job := form.Get("service"), form.Get("row"), form.Get("job")
	done := map[fleet.Verb]string{fleet.Pause: " is paused.", fleet.Resume: " is resumed.", fleet.Run: " runs now."}[verb]
	err = v.act(service+"."+row, map[string]any{"job": job}, func() error {
		if job != "" {
			return v.changePeriodic(service, job, verb)
		}
		return v.withBroker(timerTime, func(ctx context.Context, conn *transport.Conn) error {
			_, err := fleet.Ask(ctx, conn, service, row, verb)
			switch {
			case errors.Is(err, fleet.ErrNoAnswer):
				done = " does as it is told when a process of the service runs: none has answered."
				return nil
			case errors.Is(err, fleet.ErrUnknownTimer):
				return &pageError{http.StatusNotFound, "There is no such timer", "No process has declared a timer of this name."}
			}
			return ofBroker(ctx, err)
		})
	})
	if err != nil {
		return err
	}
	v.flash(clip.Text(service+"."+row, clip.Name) + done)
	return v.redirect(timersPath)
}

// changePeriodic pauses, resumes or runs a periodic job.
func (v *visit) changePeriodic(service, job string, verb fleet.Verb) (err error) {
	if v.cfg.Jobs == nil {
		return noStore
	}
	if verb == fleet.Run {
		_, err = periodic.RunNow(v.ctx(), v.cfg.Jobs, service, job)
	} else {
		_, err = v.cfg.Jobs.Pause(v.ctx(), service, job, verb == fleet.Pause)
	}
	return v.ofStore(err)
}
