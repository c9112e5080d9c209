package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
)

// A Resource is what jobs have in common that run one after the other.
type Resource struct {
	Name string
	// Line has the jobs in their order, at most 50: the one that runs, or the one that is next, and
	// then those that wait.
	Line []InLine
	Jobs int64 // of the whole line
}

// An InLine is a job that runs of a resource, or waits for it.
type InLine struct {
	Job store.Job // without Payload, Headers and Result
	Run *Run      // which started it; nil if it was not started from a control panel
}

// maxLine is how many jobs of a resource are shown, and maxLines of how many resources.
const maxLine, maxLines = 50, 200

// Resources returns for which resources jobs run or wait, and in which order. It needs a store of
// jobs: without one there are none.
func (r *Runs) Resources(ctx context.Context) ([]Resource, error) {
	if r.cfg.Jobs == nil {
		return nil, nil
	}
	lines, err := r.cfg.Jobs.Lines(ctx)
	if err != nil {
		return nil, err
	}
	var all []Resource
	var ids []string
	for _, l := range lines[:min(len(lines), maxLines)] {
		line := []store.Job{l.First}
		if l.Waiting > 0 {
			if line, err = r.cfg.Jobs.Line(ctx, l.Resource, maxLine); err != nil {
				return nil, err
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

// started returns the runs that have started jobs, by the ids of these.
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
			byJob[x.Job] = x // the first one of several
		}
	}
	return byJob, nil
}
