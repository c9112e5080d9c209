package events

import (
	"fmt"
	"strings"
)

// A source is what a row listens to: the events of a service whose type matches a pattern.
type source struct{ service, pattern string }

// parseSource reads "users.user_deleted", or "a.b user.deleted" where a dot is part of a name.
func parseSource(text string) (source, error) {
	service, pattern, spaced := strings.Cut(text, " ")
	if !spaced {
		dots := strings.Count(text, ".")
		if dots > 1 {
			return source{}, ambiguous(text)
		}
		service, pattern, _ = strings.Cut(text, ".")
	}
	s := source{service, strings.TrimSpace(pattern)}
	if s.service == "" || s.pattern == "" || strings.ContainsAny(s.pattern, " \t") {
		return s, fmt.Errorf(`%q names no event: write service and type, as in events:"users.user_deleted"`, text)
	}
	if strings.ContainsAny(s.service, "*#") {
		return s, fmt.Errorf("service %q is a pattern: each service has an exchange of its own, only the type can be one", s.service)
	}
	for word := range strings.SplitSeq(s.pattern, ".") {
		if len(word) > 1 && strings.ContainsAny(word, "*#") {
			return s, fmt.Errorf("type %q would match nothing: * stands for one whole word between dots and # for any number of them, not for a part as in %q",
				s.pattern, word)
		}
	}
	return s, nil
}

// ambiguous shows all that text can mean.
func ambiguous(text string) error {
	var readings []string
	for i, r := range text {
		if r == '.' && i > 0 && i < len(text)-1 {
			readings = append(readings, fmt.Sprintf("events:%q", text[:i]+" "+text[i+1:]))
		}
	}
	return fmt.Errorf("%q can be read in several ways: write %s", text, strings.Join(readings, " or "))
}
