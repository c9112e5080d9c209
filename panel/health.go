package panel

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/transport"
)

const healthPath = operationsPath + "/health"

// healthPages are the pages that show the health of processes.
func healthPages() []page {
	return []page{{pattern: "GET " + healthPath, tab: "Health", permission: SeeHealth, serve: showHealth}}
}

// A healthPage is the data of the page about health. Unhealthy processes come first.
type healthPage struct {
	List      list
	Instances []shownHealth
	Unwell    int // instances that are not well
}

// A shownHealth is the health that a process has reported.
type shownHealth struct {
	Instance string
	Services string
	Error    string // why its health is unknown
	fleet.Health
}

// Well reports whether the process is ready, all of its dependencies are healthy, and no row is
// paused.
func (h *shownHealth) Well() bool {
	return h.Error == "" && h.Ready && len(h.Paused) == 0 &&
		!slices.ContainsFunc(h.Checks, func(c fleet.HealthCheck) bool { return c.Failing })
}

// maxChecks limits the dependencies and the paused rows of a process that are shown.
const maxChecks = 20

func showHealth(v *visit) error {
	query := v.r.URL.Query()
	p := healthPage{List: list{Path: healthPath, Query: strings.TrimSpace(query.Get("q"))}}
	var all []shownHealth
	err := v.withBroker(surveyTime, func(ctx context.Context, conn *transport.Conn) error {
		answers, err := fleet.Survey(ctx, conn, fleet.Question{Verb: "health", Wait: answerTime})
		for _, a := range answers.Answers {
			if h := healthOf(a); strings.Contains(strings.ToLower(h.Instance+" "+h.Services), strings.ToLower(p.List.Query)) {
				all = append(all, h)
			}
		}
		return ofBroker(ctx, err)
	})
	if err != nil {
		return err
	}
	for i := range all {
		if !all[i].Well() {
			p.Unwell++
		}
	}
	order := func(h shownHealth) string { // must be unique, since the next page starts after it
		return cmp.Or(map[bool]string{true: "1"}[h.Well()], "0") + h.Instance
	}
	slices.SortFunc(all, func(a, b shownHealth) int { return cmp.Compare(order(a), order(b)) })
	var last string
	p.List.Total = len(all)
	if p.Instances, last = cut(all, query.Get("after"), pageSize, order); last != "" {
		p.List.Next = link(healthPath, "q", p.List.Query, "after", last)
	}
	return v.render(http.StatusOK, "health.html", "Health", p)
}

// healthOf returns the health in an answer, truncated to what is shown.
func healthOf(a fleet.Answer) shownHealth {
	h := shownHealth{Instance: a.Instance, Error: clip.Text(a.Error, clip.Log)}
	var names []string
	for _, s := range a.Services {
		names = append(names, s.Name)
	}
	h.Services = clip.Text(strings.Join(names, ", "), clip.Log)
	if h.Error == "" {
		if err := json.Unmarshal(a.Answer, &h.Health); err != nil {
			h.Error = "Its answer cannot be read."
		}
	}
	h.Reason = clip.Text(h.Reason, clip.Log)
	h.Checks, h.Paused = h.Checks[:min(len(h.Checks), maxChecks)], h.Paused[:min(len(h.Paused), maxChecks)]
	for i := range h.Checks {
		h.Checks[i].Error = clip.Text(h.Checks[i].Error, clip.Log)
	}
	return h
}
