package panel

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/jobview"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
)

// The paths of pages about jobs.
const (
	jobsPath = operationsPath + "/jobs"
	jobPath  = jobsPath + "/job"
)

// jobsPages are the pages that show and change the jobs of all services.
func jobsPages() []page {
	return []page{
		{pattern: "GET " + jobsPath, tab: "Jobs", permission: SeeJobs, serve: showJobs},
		{pattern: "GET " + jobPath, permission: SeeJobs, serve: showJob},
		{pattern: "POST " + jobsPath + "/cancel", permission: ChangeJobs, action: "job.cancel", serve: cancelJob},
		{pattern: "POST " + jobsPath + "/retry", permission: ChangeJobs, action: "job.retry", serve: retryJob},
	}
}

var noStore = &pageError{http.StatusServiceUnavailable, "No store of jobs", "The panel has no store of jobs: gomeko.jobs.store in its configuration names one."}

// ofStore converts an error of the store of jobs to one for the page.
func (v *visit) ofStore(err error) error {
	var state *store.StateError
	switch {
	case err == nil:
		return nil
	case v.ctx().Err() != nil, errors.As(err, new(*awayError)), errors.As(err, new(*pageError)):
		return err
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNotPeriodic):
		return &pageError{http.StatusNotFound, "There is no such job", "The store does not have it: it never had, or the job has ended long ago."}
	case errors.As(err, &state):
		return &pageError{http.StatusConflict, "Not possible now", sentence(state)}
	}
	v.log.Error("the store of jobs failed", "path", v.r.URL.Path, "err", err)
	return &pageError{http.StatusServiceUnavailable, "The store of jobs is away", "The panel cannot reach the database of the jobs. They go on. Try again in a moment."}
}

// A jobsPage is the data of the list of jobs.
type jobsPage struct {
	Service, Name, State string // the search
	States               []store.State
	Jobs                 []shownJob
	Next                 string
}

// A shownJob is a job as pages show it.
type shownJob struct {
	store.Job

	Path string
}

// Tone returns the colour of the job's state.
func (j *shownJob) Tone() string {
	switch j.State {
	case store.Succeeded:
		return "good"
	case store.Failed:
		return "bad"
	case store.Running:
		return "warn"
	}
	return ""
}

// Percent returns the progress in percent, or -1 if there is none.
func (j *shownJob) Percent() int {
	if j.Progress == nil {
		return -1
	}
	return int(*j.Progress * 100)
}

func showJobs(v *visit) error {
	if v.cfg.Jobs == nil {
		return noStore
	}
	query := v.r.URL.Query()
	p := jobsPage{Service: query.Get("service"), Name: query.Get("name"), State: query.Get("state"), States: store.States()}
	f := store.Filter{Service: p.Service, Name: p.Name, Limit: pageSize + 1}
	if slices.Contains(p.States, store.State(p.State)) {
		f.States = []store.State{store.State(p.State)}
	} else {
		p.State = ""
	}
	f.Before, _ = strconv.ParseInt(query.Get("before"), 10, 64)
	found, err := v.cfg.Jobs.List(v.ctx(), f)
	if err != nil {
		return v.ofStore(err)
	}
	secrets, err := jobview.Of(v.ctx(), v.cfg.Jobs)
	if err != nil {
		return v.ofStore(err)
	}
	if len(found) > pageSize {
		found = found[:pageSize]
		p.Next = link(jobsPath, "service", p.Service, "name", p.Name, "state", p.State, "before", strconv.FormatInt(found[pageSize-1].Seq, 10))
	}
	for i := range found {
		p.Jobs = append(p.Jobs, shown(&found[i], secrets.Hide(&found[i]), 200))
	}
	return v.render(http.StatusOK, "jobs.html", "Jobs", p)
}

// shown returns a job with its texts truncated to limit. If hide is set, it replaces the texts,
// because they may quote sensitive arguments.
func shown(j *store.Job, hide string, limit int) shownJob {
	text := func(s string) string {
		if s == "" || hide == "" {
			return clip.Text(secret.Mask(s), limit)
		}
		return service.Redacted
	}
	s := shownJob{*j, link(jobPath, "id", j.ID)}
	s.Error, s.ProgressText = text(j.Error), text(j.ProgressText)
	s.UniqueKey, s.Resource = clip.Text(secret.Mask(j.UniqueKey), limit), clip.Text(secret.Mask(j.Resource), limit)
	return s
}

// A jobPage is the data of the page of a job.
type jobPage struct {
	shownJob

	Hidden          string // why its contents are not shown
	Payload, Result string
	Attempts        []store.Attempt // latest first
	Earlier         int             // number of attempts that are not shown
	Change          bool            // the user may change something
}

// Ended reports whether the job has ended, and so can be retried.
func (p *jobPage) Ended() bool { return p.State.Final() }

// Took returns how long the job ran, or 0 if that is unknown.
func (p *jobPage) Took() time.Duration {
	if p.Started.IsZero() || p.Finished.IsZero() {
		return 0
	}
	return p.Finished.Sub(p.Started).Round(time.Millisecond)
}

// maxAttempts limits the attempts of a job that are shown.
const maxAttempts = 20

func showJob(v *visit) error {
	if v.cfg.Jobs == nil {
		return noStore
	}
	id := v.r.URL.Query().Get("id")
	found, err := v.cfg.Jobs.Get(v.ctx(), id)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return v.ofStore(err)
	}
	attempts, err := v.cfg.Jobs.Attempts(v.ctx(), id)
	if err != nil {
		return v.ofStore(err)
	}
	secrets, err := jobview.Of(v.ctx(), v.cfg.Jobs)
	if err != nil {
		return v.ofStore(err)
	}
	j := &found[0]
	hide := secrets.Hide(j)
	p := jobPage{shownJob: shown(j, hide, clip.Wire), Hidden: hide, Change: v.may(ChangeJobs)}
	p.Result = indented(jobview.Content(j.Result))
	if p.Payload = service.Redacted; hide == "" {
		p.Payload = indented(jobview.Content(j.Payload))
	}
	slices.Reverse(attempts)
	if p.Earlier = max(0, len(attempts)-maxAttempts); p.Earlier > 0 {
		attempts = attempts[:maxAttempts]
	}
	for _, a := range attempts {
		for _, text := range []*string{&a.Error, &a.Stack} {
			if *text = clip.Text(secret.Mask(*text), 8<<10); hide != "" && *text != "" {
				*text = service.Redacted
			}
		}
		p.Attempts = append(p.Attempts, a)
	}
	return v.render(http.StatusOK, "job.html", j.Service+"."+j.Name, &p)
}

func cancelJob(v *visit) error {
	return v.changeJob("The job is cancelled. One that runs ends within some seconds.", func(id string) error {
		_, err := v.cfg.Jobs.Cancel(v.ctx(), id)
		return err
	}, &question{Title: "Cancel the job?", Text: "A job that waits never runs then. Steps that a running job has already done are not undone.", Button: "Cancel the job"})
}

func retryJob(v *visit) error {
	return v.changeJob("The job is queued again.", func(id string) error {
		if _, err := v.cfg.Jobs.Retry(v.ctx(), id, nil); err != nil {
			return err
		}
		if err := v.runs.Retried(v.ctx(), id); err != nil { // the history finds out when the run is next looked at
			v.log.Warn("a job was retried, which its run does not show yet", "job", id, "err", err)
		}
		return nil
	}, nil)
}

// changeJob calls do with the id of the job in the form, and shows done. With a question, it asks
// for confirmation first.
func (v *visit) changeJob(done string, do func(id string) error, q *question) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	id := form.Get("id")
	if v.cfg.Jobs == nil {
		return noStore
	}
	back := link(jobPath, "id", id)
	if q != nil {
		q.Back = back
		if ok, err := v.confirmed(*q); !ok {
			return err
		}
	}
	found, err := v.cfg.Jobs.Look(v.ctx(), id)
	if err == nil && len(found) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return v.ofStore(err)
	}
	err = v.act(found[0].Service+"."+found[0].Name, map[string]any{"job": id}, func() error { return do(id) })
	if err != nil {
		return v.ofStore(err)
	}
	v.flash(done)
	return v.redirect(back)
}
