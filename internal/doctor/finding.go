package doctor

import (
	"fmt"
	"slices"
)

// A Level says how bad a [Finding] is.
type Level string

// Levels, the worst first.
const (
	Problem Level = "problem" // services fail or lose messages
	Warning Level = "warning" // services may fail or lose messages later
	Info    Level = "info"    // nothing is wrong
)

// A Finding describes a problem or, at the level Info, what was examined.
type Finding struct {
	Level  Level  `json:"level"`
	Check  string `json:"check"` // the check that found it, such as "permission"; the names are stable
	Where  string `json:"where"`
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"` // a command that can help, if any
}

// A Report is the result of [Examine].
type Report struct {
	Findings  []Finding
	Unchecked []string // what could not be checked because there is no management API
}

// Count returns the number of findings of a level.
func (r *Report) Count(l Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// sort sorts the findings by level, problems first.
func (r *Report) sort() {
	order := []Level{Problem, Warning, Info}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(order, a.Level) - slices.Index(order, b.Level)
	})
}

// add adds a finding. Its remedy can be set with [entry.remedy].
func (r *Report) add(l Level, check, where, what string, args ...any) entry {
	r.Findings = append(r.Findings, Finding{Level: l, Check: check, Where: where, What: fmt.Sprintf(what, args...)})
	return entry{&r.Findings[len(r.Findings)-1]}
}

// An entry is a finding that has just been added.
type entry struct{ *Finding }

func (e entry) remedy(format string, args ...any) { e.Remedy = fmt.Sprintf(format, args...) }
