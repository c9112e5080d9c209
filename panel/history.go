package panel

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/panel/run"
)

// historyPages are the pages that show what users have started.
func historyPages() []page {
	return []page{{pattern: "GET " + runsPath, name: "Runs", serve: showHistory}}
}

// historyRuns is the number of runs on a page of the history.
const historyRuns = 50

// A historyPage is the data of the page of the history.
type historyPage struct {
	Runs    []shownRun
	Filter  historyFilter
	Others  bool // the user may see the runs of other users
	States  []shownRun
	Choices []choice // the rows that the user may run
	Next    string   // the address of the next page; "" if there is none
	Fault   string
}

// A historyFilter is the filter as it was typed.
type historyFilter struct{ State, Row, User, From, To string }

// Any reports whether the filter excludes anything.
func (f historyFilter) Any() bool { return f != historyFilter{} }

// A choice is a row in the list of rows.
type choice struct{ Value, Text string }

func showHistory(v *visit) error {
	values := v.r.URL.Query()
	p := historyPage{
		Filter: historyFilter{values.Get("state"), clean(values.Get("row")), clean(values.Get("user")), values.Get("from"), values.Get("to")},
		Others: v.user.Missing(run.View) == "",
	}
	for _, s := range run.States() {
		p.States = append(p.States, shownRun{Run: &run.Run{State: s}})
	}
	for _, s := range v.catalog.all() {
		for i := range s.Rows {
			if row := (shownRow{Row: &s.Rows[i]}); row.Allow != "" && (p.Others || v.user.Missing(row.Allow) == "") {
				p.Choices = append(p.Choices, choice{s.Service + "." + row.Name, s.Service + ": " + row.Heading()})
			}
		}
	}
	filter, fault := p.Filter.filter()
	if p.Fault = fault; fault != "" {
		return v.render(http.StatusUnprocessableEntity, "history.html", "Runs", p)
	}
	filter.Before, _ = strconv.ParseInt(values.Get("before"), 10, 64) // anything that is not a number means the first page
	filter.Limit = historyRuns + 1
	all, err := v.runs.List(v.ctx(), v.who(), filter)
	if err != nil {
		return v.explain(err)
	}
	if len(all) > historyRuns {
		all = all[:historyRuns]
		values.Set("before", strconv.FormatInt(all[historyRuns-1].Seq, 10))
		p.Next = runsPath + "?" + values.Encode()
	}
	p.Runs = v.shown(all)
	return v.render(http.StatusOK, "history.html", "Runs", p)
}

// filter returns the filter for package run, or what is wrong with it.
func (f historyFilter) filter() (filter run.Filter, fault string) {
	filter = run.Filter{User: f.User, State: run.State(f.State)}
	if f.State != "" && !slices.Contains(run.States(), filter.State) {
		return filter, "There is no such state."
	}
	if f.Row != "" {
		filter.Service, filter.Row = splitRow(f.Row)
	}
	var err error
	if filter.From, err = day(f.From); err != nil {
		return filter, "The first day must be a date."
	}
	if filter.To, err = day(f.To); err != nil {
		return filter, "The last day must be a date."
	}
	if !filter.To.IsZero() {
		filter.To = filter.To.AddDate(0, 0, 1)
	}
	return filter, ""
}

// splitRow splits SERVICE.ROW. The name of the service may contain dots.
func splitRow(text string) (service, row string) {
	for i := len(text) - 1; i > 0; i-- {
		if text[i] == '.' {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// day returns the beginning of a day in UTC, or the zero time for "".
func day(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, text)
}

// historyOf returns the address of the history with the runs of a row.
func historyOf(service, row string) string {
	return runsPath + "?" + url.Values{"row": {service + "." + row}}.Encode()
}
