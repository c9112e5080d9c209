package doctor

import (
	"fmt"
	"slices"
)

// A Level says how bad a [Finding] is.
type Level string

// The levels.
const (
	Problem Level = "problem" // services fail, or lose messages
	Warning Level = "warning" // they may, later
	Info    Level = "info"    // nothing is wrong
)

// A Finding is something that is wrong, or an Info: what was examined.
type Finding struct {
	Level  Level  `json:"level"`
	Check  string `json:"check"` // which check has found it, such as "permission"; it does not change
	Where  string `json:"where"`
	What   string `json:"what"`
	Remedy string `json:"remedy,omitempty"` // a command to type, if one can help
}

// A Report is what [Examine] has found.
type Report struct {
	Findings  []Finding
	Unchecked []string // what needs the management API, if none was given
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

// sort puts problems first, and what was examined last.
func (r *Report) sort() {
	order := []Level{Problem, Warning, Info}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return slices.Index(order, a.Level) - slices.Index(order, b.Level)
	})
}

// add adds a finding. Its remedy is added to it with [entry.remedy].
func (r *Report) add(l Level, check, where, what string, args ...any) entry {
	r.Findings = append(r.Findings, Finding{Level: l, Check: check, Where: where, What: fmt.Sprintf(what, args...)})
	return entry{&r.Findings[len(r.Findings)-1]}
}

// An entry is the finding that was added last.
type entry struct{ *Finding }

func (e entry) remedy(format string, args ...any) { e.Remedy = fmt.Sprintf(format, args...) }
