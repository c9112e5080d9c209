package inject

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// fx and dig do not export the types of their errors, so they are recognized by their texts. These
// are the texts of the version of dig in go.mod; tests of this package fail if they change. An
// error with any other text is shown unchanged.
const (
	missingFor   = "missing dependencies for function "
	missingType  = "missing type: "
	missingTypes = "missing types: "
	failedIn     = "received non-nil error from function "
	cannotAdd    = "cannot provide function "
	cannotOutput = "cannot provide "
	addedBy      = "already provided by "
	cycle        = "cycle detected in dependency graph"
)

// detours are the prefixes of errors that only describe the path to another error.
var detours = []string{
	missingFor, failedIn, cannotAdd, cycle,
	"could not build arguments for function ", "could not build value group ", "failed to build ", "fx.Provide(",
}

// A link is one error of a chain, with its text except for that of the error that it wraps.
type link struct {
	err  error
	text string
}

// links returns the chain of errors that err wraps, beginning with err.
func links(err error) []link {
	var chain []link
	for err != nil {
		inner := errors.Unwrap(err)
		text := err.Error()
		if inner != nil {
			text = strings.TrimSuffix(text, inner.Error())
		}
		chain = append(chain, link{err, strings.TrimRight(text, ": \n")})
		err = inner
	}
	return chain
}

// inWords reduces an error of fx to its cause, without the path on which fx found it.
func inWords(err error) error {
	if all, ok := err.(interface{ Errors() []error }); ok {
		var each []error
		for _, e := range all.Errors() {
			each = append(each, inWords(e))
		}
		return errors.Join(each...)
	}
	chain := links(err)
	for i, l := range chain {
		detour := slices.ContainsFunc(detours, func(words string) bool { return strings.HasPrefix(l.text, words) })
		if !detour || i == len(chain)-1 {
			return l.err
		}
		next := chain[i+1]
		if fn, ok := strings.CutPrefix(l.text, failedIn); ok {
			return constructorFailed(fn, next.err)
		}
		if fn, ok := strings.CutPrefix(l.text, missingFor); ok {
			return missing(fn, next.text)
		}
		if fn, ok := strings.CutPrefix(l.text, cannotAdd); ok && strings.HasPrefix(chain[len(chain)-1].text, addedBy) {
			return twice(fn, next.text, chain[len(chain)-1].text)
		}
		if l.text == cycle {
			return circle(next.text)
		}
	}
	return nil
}

// unprovided reports whether err says that a required type is not provided. like is a similar type
// that is provided, or "". direct is true if the demand itself needs the type.
func unprovided(err error) (like string, direct bool) {
	chain := links(err)
	if len(chain) < 2 || !strings.HasPrefix(chain[0].text, missingFor+`"reflect".makeFuncStub`) {
		return "", false
	}
	_, like = suggestion(strings.TrimPrefix(chain[1].text, missingType))
	return like, true
}

func constructorFailed(fn string, err error) error {
	for _, ours := range []string{"di", "config"} { // functions of gomeko, which the reader did not write
		if strings.HasPrefix(fn, `"github.com/gomeko/gomeko/`+ours+`".`) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", function(fn), err)
}

// missing returns the error for a function whose parameters are not all provided.
func missing(fn, types string) error {
	types = strings.TrimPrefix(strings.TrimPrefix(types, missingTypes), missingType)
	var all []error
	for t := range strings.SplitSeq(types, "; ") {
		t, like := suggestion(t)
		needs := fmt.Sprintf("%s needs %s, which nothing provides", function(fn), phrase(t))
		if like != "" {
			all = append(all, fmt.Errorf("%s; %s is provided", needs, like))
			continue
		}
		constructor := fmt.Sprintf("func(…) (%s, error)", Short(bare(t)))
		if name := named(t); name != "" {
			constructor = fmt.Sprintf("fx.Annotated{Name: %q, Target: %s}", name, constructor)
		}
		all = append(all, fmt.Errorf("%s: add fx.Provide(%s) to the module", needs, constructor))
	}
	return errors.Join(all...)
}

// twice returns the error for a type that two functions provide.
func twice(fn, output, by string) error {
	output, _, _ = strings.Cut(strings.TrimPrefix(output, cannotOutput), " from ")
	other := function(strings.TrimPrefix(by, addedBy))
	what := phrase(output) + " is provided twice"
	if t, ok := strings.CutPrefix(Short(output), "di.Provider["); ok {
		what = phrase(strings.Replace(t, "]", "", 1)) + " is provided per call twice"
	}
	return fmt.Errorf("%s, by %s and by %s: remove one, or name one with fx.Annotated{Name: …}", what, other, function(fn))
}

// circle returns the error for constructors that depend on each other.
func circle(path string) error {
	var functions []string
	for line := range strings.SplitSeq(path, "\n") {
		if _, fn, ok := strings.Cut(line, " provided by "); ok {
			functions = append(functions, function(fn))
		}
	}
	return fmt.Errorf("dependency cycle: %s: remove one of these dependencies", strings.Join(functions, " needs "))
}

var (
	located = regexp.MustCompile(`^"(.*)"\.(.*) \((.*):(\d+)\)$`)
	literal = regexp.MustCompile(`\.func\d+(\.\d+)*$`)
	folders = regexp.MustCompile(`[\w.~-]+/`)
	request = regexp.MustCompile(`^(.*)\[name ?= ?"(.*)"\]$`)
	meant   = regexp.MustCompile(`^(.*) \(did you mean (?:to use )?(?:one of )?(.*)\?\)$`)
)

// configuring is the package whose Configure requests a value from the application.
const configuring = "github.com/gomeko/gomeko/service"

// function returns the name of a function from dig's notation: "example.org/orders".OpenDB
// (/src/orders/db.go:12).
func function(text string) string {
	text, _, _ = strings.Cut(text, "; ") // the first of several
	m := located.FindStringSubmatch(text)
	switch {
	case m == nil:
		return text
	case m[2] == "makeFuncStub":
		return "fx.Supply"
	case m[1] == configuring && strings.HasPrefix(m[2], "Configure["):
		return "service.Configure"
	case literal.MatchString(m[2]):
		return fmt.Sprintf("the function at %s:%s", folders.ReplaceAllString(strings.TrimPrefix(m[3], "/"), ""), m[4])
	}
	return Short(m[1] + "." + m[2])
}

// Short removes the directories of import paths from the name of a type or a function.
func Short(name string) string { return folders.ReplaceAllString(name, "") }

// suggestion splits dig's text about a missing type: sql.DB (did you mean *sql.DB?).
func suggestion(text string) (t, like string) {
	m := meant.FindStringSubmatch(text)
	if m == nil {
		return text, ""
	}
	return m[1], phrase(m[2])
}

// bare returns the type in a text such as sql.DB[name = "backup"].
func bare(t string) string {
	if m := request.FindStringSubmatch(t); m != nil {
		return m[1]
	}
	return t
}

// named returns the name in a text such as sql.DB[name = "backup"].
func named(t string) string {
	if m := request.FindStringSubmatch(t); m != nil {
		return m[2]
	}
	return ""
}

// phrase returns a type in the form for an error: *sql.DB named "backup".
func phrase(t string) string {
	if name := named(t); name != "" {
		return fmt.Sprintf("%s named %q", Short(bare(t)), name)
	}
	return Short(t)
}
