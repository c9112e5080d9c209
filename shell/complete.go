package shell

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// known has the methods that calls have reached, by service.
type known map[string]map[string]bool

func (k known) add(service, method string) {
	if k[service] == nil {
		k[service] = map[string]bool{}
	}
	if method != "" {
		k[service][method] = true
	}
}

func (k known) services() []string              { return slices.Sorted(maps.Keys(k)) }
func (k known) methods(service string) []string { return slices.Sorted(maps.Keys(k[service])) }

// path matches the text to complete before the cursor: names with dots, or n.rpc["a.b"].
var path = regexp.MustCompile(`(?:(\w+(?:\.\w+|\["[^"]*"\])*)\.)?(\w*)$`)

// complete returns the completions of the last word before pos, and the text before and after it.
func (s *Shell) complete(line string, pos int) (head string, names []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	m := path.FindStringSubmatch(before)
	owner, word := m[1], m[2]
	head = strings.TrimSuffix(before, word)
	var all []string
	switch {
	case owner != "":
		all = s.attributes(owner)
	case strings.HasSuffix(head, "."):
		return head, nil, tail // the owner would have to be called
	default:
		all = append(slices.Collect(maps.Keys(s.globals)), slices.Collect(maps.Keys(starlark.Universe))...)
	}
	for _, name := range all {
		if strings.HasPrefix(name, word) && (word != "" || name[0] != '_') {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return head, slices.Compact(names), tail
}

// attributes returns the names of a path's attributes. Evaluating a path calls nothing.
func (s *Shell) attributes(owner string) []string {
	v, err := starlark.EvalOptions(options(), new(starlark.Thread), "", owner, s.globals)
	if err != nil {
		return nil
	}
	if v, ok := v.(starlark.HasAttrs); ok {
		return v.AttrNames()
	}
	return nil
}
