package service

import (
	"strconv"
	"strings"
)

// matched says which argument each parameter of a signature got.
type matched struct {
	given []Value // by parameter; nil where its default holds
	rest  []Value
	extra []Named // what **opts takes
}

// match gives the arguments to the parameters as Python's inspect.getcallargs does, which is what Nameko checks a
// call with; errors are in its words, tests and their order are its own. The receiver counts as an argument, self. What is
// given is appended to given.
func (s *Signature) match(args Arguments, given []Value) (matched, error) {
	m := matched{given: append(given, make([]Value, len(s.Params))...)}
	all, optional := s.positional()
	n := copy(m.given[:all], args.Positional)
	m.rest = args.Positional[n:]

	for _, kw := range args.Keyword {
		i := s.named(kw.Name)
		switch {
		case i < 0 && kw.Name == "self", i >= 0 && m.given[i] != nil:
			return m, s.misfit("got multiple values for argument ", repr(kw.Name))
		case i >= 0:
			m.given[i] = kw.Value
		case s.has(Options):
			m.extra = append(m.extra, kw)
		default:
			return m, s.misfit("got an unexpected keyword argument ", repr(kw.Name))
		}
	}
	if len(m.rest) > 0 && !s.has(Rest) {
		return m, s.tooMany(all, optional, len(args.Positional), m.given)
	}
	if err := s.missing(Positional, m.given); err != nil {
		return m, err
	}
	return m, s.missing(Keyword, m.given)
}

// named returns the index of the parameter that takes arguments by this name, -1 if none does.
func (s *Signature) named(name string) int {
	for i := range s.Params {
		if p := &s.Params[i]; p.Name == name && (p.Kind == Positional || p.Kind == Keyword) {
			return i
		}
	}
	return -1
}

func (s *Signature) has(kind Kind) bool {
	for i := range s.Params {
		if s.Params[i].Kind == kind {
			return true
		}
	}
	return false
}

func (s *Signature) misfit(words ...string) error {
	return &SignatureError{s.Name + "() " + strings.Join(words, "")}
}

func (s *Signature) tooMany(all, optional, given int, values []Value) error {
	all, given = all+1, given+1 // self
	takes := strconv.Itoa(all)
	if optional > 0 {
		takes = "from " + strconv.Itoa(all-optional) + " to " + takes
	}
	keywords := 0
	for i, p := range s.Params {
		if p.Kind == Keyword && values[i] != nil {
			keywords++
		}
	}
	tail := ""
	if keywords > 0 {
		tail = " positional argument" + plural(given) + " (and " + strconv.Itoa(keywords) + " keyword-only argument" + plural(keywords) + ")"
	}
	return s.misfit("takes ", takes, " positional argument", plural(all), " but ", strconv.Itoa(given), tail, " were given")
}

func (s *Signature) missing(kind Kind, values []Value) error {
	var names []string
	for i := range s.Params {
		if p := &s.Params[i]; p.Kind == kind && !p.Optional && values[i] == nil {
			names = append(names, repr(p.Name))
		}
	}
	n := len(names)
	if n == 0 {
		return nil
	}
	what := " required positional argument"
	if kind == Keyword {
		what = " required keyword-only argument"
	}
	list := names[n-1]
	if n > 1 {
		list = strings.Join(names[:n-1], ", ") + " and " + list
	}
	return s.misfit("missing ", strconv.Itoa(n), what, plural(n), ": ", list)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
