package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
)

// A Resource is shared by jobs that run one after the other.
type Resource struct {
	Name string
	// Line has the first jobs in their order, at most [MaxLine]: the one that runs or, if none
	// does, the next one, and then those that wait.
	Line []InLine
	Jobs int64 // number of jobs in the whole line
}

// An InLine is a job that holds a resource or waits for it.
type InLine struct {
	Job store.Job // without Payload, Headers or Result
	Run *Run      // the run that started it; nil if it was not started from a control panel
}

// MaxLine limits the jobs of a resource that are read, and MaxResources the resources.
const MaxLine, MaxResources = 50, 200

// Resources returns the resources for which jobs run or wait, with their jobs in order. It returns
// at most [MaxResources], ordered by name. Without a store of jobs, there are none.
func (r *Runs) Resources(ctx context.Context) ([]Resource, error) {
	if r.cfg.Jobs == nil {
		return nil, nil
	}
	lines, err := r.cfg.Jobs.Lines(ctx)
	if err != nil {
		return nil, ofStore(err)
	}
	var all []Resource
	var ids []string
	for _, l := range lines[:min(len(lines), MaxResources)] {
		line := []store.Job{l.First}
		if l.Waiting > 0 {
			if line, err = r.cfg.Jobs.Line(ctx, l.Resource, MaxLine); err != nil {
				return nil, ofStore(err)
			}
		}
		one := Resource{Name: secret.Mask(l.Resource), Jobs: l.Waiting + 1}
		for _, j := range line {
			one.Line, ids = append(one.Line, InLine{Job: j}), append(ids, j.ID)
		}
		all = append(all, one)
	}
	started, err := r.started(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range all {
		for n := range all[i].Line {
			one := &all[i].Line[n]
			if one.Run = started[one.Job.ID]; one.Run != nil {
				one.Run.show(&one.Job)
			}
		}
	}
	return all, nil
}

// A Place is the position of a job that waits for its resource.
type Place struct {
	Resource string
	First    InLine // the job that holds the resource or, if none does, the next one
	Ahead    int    // how many jobs are ahead of it, including First; [MaxLine] means that many or more
}

// Place returns the position of a run's job in the line of its resource. It is nil if the run does
// not wait, or waits only for a worker.
func (r *Runs) Place(ctx context.Context, x *Run) (*Place, error) {
	if r.cfg.Jobs == nil || x.Kind != Job || x.State != Queued && x.State != Scheduled {
		return nil, nil
	}
	found, err := r.cfg.Jobs.Look(ctx, x.Job)
	if err != nil || len(found) == 0 || found[0].Resource == "" {
		return nil, ofStore(err)
	}
	line, err := r.cfg.Jobs.Line(ctx, found[0].Resource, MaxLine)
	if err != nil {
		return nil, ofStore(err)
	}
	ahead := slices.IndexFunc(line, func(j store.Job) bool { return j.ID == x.Job })
	switch {
	case ahead < 0 && len(line) == MaxLine:
		ahead = MaxLine
	case ahead <= 0: // the job is next, or no longer in the line
		return nil, nil
	}
	p := &Place{Resource: secret.Mask(found[0].Resource), First: InLine{Job: line[0]}, Ahead: ahead}
	started, err := r.started(ctx, []string{line[0].ID})
	if err != nil {
		return nil, err
	}
	if p.First.Run = started[line[0].ID]; p.First.Run != nil {
		p.First.Run.show(&line[0])
	}
	return p, nil
}

// started returns the runs that have started jobs, by the ids of the jobs.
func (r *Runs) started(ctx context.Context, ids []string) (map[string]*Run, error) {
	byJob := map[string]*Run{}
	for part := range slices.Chunk(ids, atOnce) {
		list, args := make([]string, len(part)), make([]any, len(part))
		for i, id := range part {
			list[i], args[i] = fmt.Sprintf("$%d", i+1), id
		}
		found, err := r.runs(ctx, r.cfg.DB, `SELECT `+light+` FROM gomeko_panel_run WHERE job <> '' AND job IN (`+strings.Join(list, ", ")+`) ORDER BY seq DESC`, args...)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			byJob[x.Job] = x // the first of several
		}
	}
	return byJob, nil
}
