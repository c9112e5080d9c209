package panel

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/panel/run"
)

const resourcesPath = operationsPath + "/resources"

// resourcesPages are the pages that show which jobs share a resource.
func resourcesPages() []page {
	return []page{{pattern: "GET " + resourcesPath, tab: "Resources", permission: SeeResources, serve: showResources}}
}

// A resourcesPage is the data of the page of resources.
type resourcesPage struct {
	List      list
	Resources []shownResource
	One       string // if set, the only resource that is shown
	Cut       int    // the number of resources shown if there are more; else 0
}

// A shownResource is a resource with its jobs, in order.
type shownResource struct {
	Name string
	Path string // of the page with this resource only
	Line []shownPlace
	More int64 // number of jobs that are not shown
}

// shownLine is how many jobs of a resource are shown if other resources are shown too.
const shownLine = 10

// A shownPlace is a job that holds a resource or waits for it.
type shownPlace struct {
	Number           int // place among the jobs that wait, from 1
	Service, Heading string
	Path             string // of the run, or of the job; "" if the user may see neither
	User             string // the user who started it; "" if it was not started from a panel
	State            shownRun
	Since            time.Time // since when it has been running or waiting
	Host             string    // of the worker, if the job runs
}

// Runs reports whether the job runs. Otherwise it waits.
func (p shownPlace) Runs() bool { return p.State.State == run.Running }

// place returns a job in a line as pages show it.
func (v *visit) place(x *run.InLine) shownPlace {
	j := &x.Job
	p := shownPlace{Service: clip.Text(j.Service, clip.Name), Heading: clip.Text(words(j.Name), clip.Name), Since: j.Created}
	p.State = shownRun{Run: &run.Run{State: run.State(j.State)}}
	if p.Runs() {
		p.Since, p.Host = j.Started, clip.Text(j.Host, clip.Name)
	}
	mine := x.Run != nil && x.Run.User == v.user.Name
	if x.Run != nil {
		p.User, p.Heading = x.Run.User, v.heading(x.Run)
	}
	switch {
	case mine || x.Run != nil && v.may(run.View):
		p.Path = runPath(x.Run.ID)
	case v.may(SeeJobs):
		p.Path = link(jobPath, "id", j.ID)
	}
	return p
}

func showResources(v *visit) error {
	if v.cfg.Jobs == nil {
		return noStore
	}
	query := v.r.URL.Query()
	p := resourcesPage{List: list{Path: resourcesPath, Query: strings.TrimSpace(query.Get("q"))}, One: query.Get("name")}
	all, err := v.runs.Resources(v.ctx())
	if err != nil {
		return v.explain(err)
	}
	if len(all) == run.MaxResources {
		p.Cut = len(all)
	}
	all = slices.DeleteFunc(all, func(one run.Resource) bool {
		return p.One != "" && one.Name != p.One || !strings.Contains(strings.ToLower(one.Name), strings.ToLower(p.List.Query))
	})
	name := func(one run.Resource) string { return one.Name }
	slices.SortFunc(all, func(a, b run.Resource) int { return cmp.Compare(a.Name, b.Name) })
	shown, last := cut(all, query.Get("after"), pageSize, name)
	if last != "" {
		p.List.Next = link(resourcesPath, "q", p.List.Query, "after", last)
	}
	for i := range shown {
		p.Resources = append(p.Resources, v.resource(&shown[i], p.One != ""))
	}
	return v.render(http.StatusOK, "resources.html", "Resources", p)
}

// resource returns a resource as pages show it, with its whole line or the beginning of it.
func (v *visit) resource(one *run.Resource, whole bool) shownResource {
	s := shownResource{Name: clip.Text(one.Name, clip.Name), Path: link(resourcesPath, "name", one.Name)}
	line := one.Line
	if !whole {
		line = line[:min(len(line), shownLine)]
	}
	number := 0
	for i := range line {
		p := v.place(&line[i])
		if !p.Runs() {
			number++
			p.Number = number
		}
		s.Line = append(s.Line, p)
	}
	s.More = max(0, one.Jobs-int64(len(line)))
	return s
}

// A waitingRun describes what the job of a run waits for.
type waitingRun struct {
	Resource string
	First    shownPlace // the job that holds the resource or, if none does, the next one
	Ahead    int        // number of jobs ahead of it
	Many     bool       // there may be more jobs ahead than Ahead
}

// waiting returns what the job of a run waits for, or nil if it does not wait for another job.
func (v *visit) waiting(ctx context.Context, x *run.Run) (*waitingRun, error) {
	place, err := v.runs.Place(ctx, x)
	if err != nil || place == nil {
		return nil, err
	}
	w := &waitingRun{Resource: clip.Text(place.Resource, clip.Name), First: v.place(&place.First), Ahead: place.Ahead, Many: place.Ahead >= run.MaxLine}
	if w.First.User != v.user.Name && !v.may(run.View) {
		w.First.User = ""
	}
	return w, nil
}
