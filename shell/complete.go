package shell

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/printable"
)

var (
	// path matches the text to complete before the cursor: dotted names, or n.rpc["a.b"].
	path = regexp.MustCompile(`(?:(\w+(?:\.\w+|\["[^"]*"\])*)\.)?(\w*)$`)

	// callee matches the called function, before its parenthesis.
	callee = regexp.MustCompile(`\w+(?:\.at\("[^"]*"\)|\.\w+|\["[^"]*"\])*$`)

	// at matches the instance that a call is directed to.
	at = regexp.MustCompile(`\.at\("[^"]*"\)`)

	// inService matches the beginning of a quoted service name, and inInstance that of an instance.
	inService  = regexp.MustCompile(`\bn\.rpc\["([^"]*)$`)
	inInstance = regexp.MustCompile(`(\w+(?:\.\w+|\["[^"]*"\])*)\.at\("([^"]*)$`)

	// identifier matches a name that can be written after a dot.
	identifier = regexp.MustCompile(`^[\pL_][\pL\p{Nd}_]*$`)
)

// maxName is the length up to which names are completed. Nobody types longer ones.
const maxName = 100

// complete returns the completions of the last word before pos, and the text before and after it.
// It waits for the fleet no longer than completionTime. Names come from elsewhere and the terminal
// prints them unchanged, so complete returns only plain ones.
func (s *Shell) complete(line string, pos int) (head string, names []string, tail string) {
	s.completing = true
	defer func() { s.completing = false }()
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	if m := inService.FindStringSubmatch(before); m != nil {
		return strings.TrimSuffix(before, m[1]), closed(s.directory.services(completionTime), m[1], `"]`), tail
	}
	if m := inInstance.FindStringSubmatch(before); m != nil {
		return strings.TrimSuffix(before, m[2]), closed(s.instancesOf(m[1]), m[2], `")`), tail
	}
	m := path.FindStringSubmatch(before)
	owner, word := m[1], m[2]
	head = strings.TrimSuffix(before, word)
	switch call, inText := enclosing(s.above + head); {
	case inText:
		return head, nil, tail
	case owner == "n.rpc":
		head, names = completeServices(head, word, s.directory.services(completionTime))
		return head, names, tail
	case owner != "":
		return head, beginning(s.attributes(owner), word), tail
	case strings.HasSuffix(head, "."):
		return head, nil, tail // evaluating the owner would call it
	default:
		names = s.parameters(call, word)
	}
	if word != "" || len(names) == 0 {
		all := slices.AppendSeq(slices.Collect(maps.Keys(s.globals)), maps.Keys(starlark.Universe))
		slices.Sort(all)
		names = append(names, slices.Compact(beginning(all, word))...)
	}
	return head, names, tail
}

// beginning returns the names that begin with word and can be written after a dot.
func beginning(names []string, word string) (fitting []string) {
	for _, name := range names {
		if strings.HasPrefix(name, word) && (word != "" || !strings.HasPrefix(name, "_")) && len(name) <= maxName && identifier.MatchString(name) {
			fitting = append(fitting, name)
		}
	}
	return fitting
}

// closed returns the names that begin with word and can be written in quotes, with end appended.
func closed(names []string, word, end string) (fitting []string) {
	for _, name := range names {
		if strings.HasPrefix(name, word) && name != "" && len(name) <= maxName && printable.Text(name) == name && !strings.ContainsAny(name, `"\`) {
			fitting = append(fitting, name+end)
		}
	}
	return fitting
}

// completeServices completes n.rpc. A service with a dot in its name is written as n.rpc["a.b"].
func completeServices(head, word string, services []string) (string, []string) {
	plain := beginning(services, word)
	var others []string
	for _, name := range closed(services, word, `"]`) {
		if !identifier.MatchString(strings.TrimSuffix(name, `"]`)) {
			others = append(others, `["`+name)
		}
	}
	switch {
	case len(plain) == 0:
		return strings.TrimSuffix(head, "."), others
	case word == "":
		return head, append(plain, others...)
	}
	return head, plain
}

// attributes returns the names of a path's attributes.
func (s *Shell) attributes(owner string) []string {
	if v, ok := s.lookup(owner).(starlark.HasAttrs); ok {
		return v.AttrNames()
	}
	return nil
}

// lookup returns the value of a path, or nil. Evaluating a path makes no calls.
func (s *Shell) lookup(path string) starlark.Value {
	v, err := starlark.EvalOptions(options(), new(starlark.Thread), "", path, s.globals)
	if err != nil {
		return nil
	}
	return v
}

// instancesOf returns the instances that run a method.
func (s *Shell) instancesOf(path string) []string {
	if m, ok := s.lookup(path).(method); ok {
		return s.directory.processes(m.service, completionTime)
	}
	return nil
}

// A call is a call that is being typed.
type call struct {
	callee string
	args   []string // the complete ones, and the beginning of the last one
}

// enclosing returns the innermost call at the end of text, and whether the end is inside a string
// or a comment. The callee is "" if there is no call.
func enclosing(text string) (c call, inText bool) {
	type bracket struct{ open, arg int } // where it opens, and where its current argument begins
	var (
		stack []bracket
		args  [][]string
		quote byte
	)
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quote != 0:
			switch b {
			case '\\':
				i++
			case quote:
				quote = 0
			case '\n': // a string ends with its line
				quote = 0
			}
		case b == '"' || b == '\'':
			quote = b
		case b == '#':
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				return call{}, true
			}
			if last := len(stack) - 1; last >= 0 && strings.TrimSpace(text[stack[last].arg:i]) == "" {
				stack[last].arg = i + end
			}
			i += end
		case b == '(' || b == '[' || b == '{':
			stack, args = append(stack, bracket{i, i + 1}), append(args, nil)
		case len(stack) == 0:
		case b == ')' || b == ']' || b == '}':
			stack, args = stack[:len(stack)-1], args[:len(args)-1]
		case b == ',':
			last := len(stack) - 1
			args[last] = append(args[last], text[stack[last].arg:i])
			stack[last].arg = i + 1
		}
	}
	last := len(stack) - 1
	if quote != 0 || last < 0 || text[stack[last].open] != '(' {
		return call{}, quote != 0
	}
	return call{callee.FindString(text[:stack[last].open]), append(args[last], text[stack[last].arg:])}, false
}

// given matches a keyword argument.
var given = regexp.MustCompile(`^\s*(\w+)\s*=`)

// parameters returns NAME= for each parameter of a call that is not given yet.
func (s *Shell) parameters(c call, word string) (names []string) {
	if c.callee == "" || strings.TrimSpace(c.args[len(c.args)-1]) != "" { // a value is being typed
		return nil
	}
	var (
		known      = map[string]bool{}
		positional int
	)
	for _, arg := range c.args[:len(c.args)-1] {
		if m := given.FindStringSubmatch(arg); m != nil {
			known[m[1]] = true
		} else {
			positional++
		}
	}
	for i, name := range s.parametersOf(c.callee) {
		if name != "" && i >= positional && !known[name] {
			names = append(names, name)
		}
	}
	names = beginning(names, word)
	for i := range names {
		names[i] += "="
	}
	return names
}

// parametersOf returns the names of a function's parameters in order. A "" is positional only.
func (s *Shell) parametersOf(path string) (names []string) {
	v := s.lookup(at.ReplaceAllString(path, ""))
	var more []string
	if b, ok := v.(*starlark.Builtin); ok {
		v = b.Receiver()
		more = keywordsOf[b.Name()]
	}
	switch f := v.(type) {
	case method:
		if row := s.directory.method(f.service, f.name, completionTime); row != nil {
			names = parameterNames(row.Parameters)
		}
	case *starlark.Function:
		for i := range f.NumParams() {
			name, _ := f.Param(i)
			names = append(names, name)
		}
	}
	return append(names, more...)
}

// keywordsOf are the keyword parameters of builtins, in addition to those of a method.
var keywordsOf = map[string][]string{"bench": {"callers", "seconds"}}

func parameterNames(all []contract.Parameter) (names []string) {
	for _, p := range all {
		if p.Kind == "positional" || p.Kind == "keyword" {
			names = append(names, p.Name)
		} else {
			names = append(names, "")
		}
	}
	return names
}
