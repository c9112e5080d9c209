package shell

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/gomeko/gomeko/internal/printable"
)

// instead maps words of Python that Starlark lacks to advice on what to write instead.
var instead = map[string]string{
	"import":     "there is no import; n, print and Starlark's functions are always defined",
	"from":       "there is no import; n, print and Starlark's functions are always defined",
	"try":        "there is no try; an error ends the line, or the script",
	"raise":      `there is no raise; write fail("text")`,
	"assert":     `there is no assert; write: if not …: fail("text")`,
	"class":      "there is no class; write a function with def, or a dict",
	"with":       "there is no with; write its lines without it",
	"global":     "there is no global; keep what changes in a list or dict: box = [0], then box[0] += 1",
	"nonlocal":   "there is no nonlocal; keep what changes in a list or dict: box = [0], then box[0] += 1",
	"yield":      "there is no yield; append to a list and return it",
	"async":      "there is no async; write def, and n.rpc.….call_async(…).result() for calls at once",
	"await":      "there is no await; write n.rpc.….call_async(…).result()",
	"del":        "there is no del; write d.pop(key)",
	"is":         "there is no is; write == or !=",
	"'**'":       "there is no **; write a product",
	"open":       "there are no files; write the data into the script",
	"input":      "there is no input; write the value",
	"sum":        "there is no sum; write: total = 0, then for x in …: total += x",
	"isinstance": `there is no isinstance; write type(x) == "string"`,
	"map":        "there is no map; write [f(x) for x in …]",
	"filter":     "there is no filter; write [x for x in … if …]",
	"round":      "there is no round; write int(x + 0.5)",
	"object":     "there is no object; write a dict",
}

var (
	got     = regexp.MustCompile(`^got (\w+|'\*\*'), want`)
	formats = regexp.MustCompile(`\b([fF][rR]?|[rR][fF])["']`)
	printed = regexp.MustCompile(`\bprint\s+["'\w]`)
)

// A remoteError is the error of a call. Its text comes from a service, so it is put on one line and
// stripped of terminal escapes.
type remoteError struct {
	at string
	error
}

func (e remoteError) Error() string {
	return e.at + printable.Text(strings.TrimPrefix(e.error.Error(), cancelled))
}
func (e remoteError) Unwrap() error { return e.error }

// cancelled is what Starlark prepends to the error of a stream, which cancels the thread.
const cancelled = "Starlark computation cancelled: "

// explain returns err as text for the user, preceded by the name of the program and the line if
// position is true. It returns nil for exit(). text is the source.
func explain(err error, text string, position bool) error {
	if err == nil || errors.Is(err, errExit) {
		return nil
	}
	at := func(pos syntax.Position) string {
		if !position {
			return ""
		}
		return fmt.Sprintf("%s:%d: ", pos.Filename(), pos.Line)
	}
	var (
		wrong   syntax.Error
		unknown resolve.ErrorList
		failed  *starlark.EvalError
	)
	switch {
	case errors.As(err, &wrong):
		return errors.New(at(wrong.Pos) + adviseSyntax(wrong, text))
	case errors.As(err, &unknown):
		lines := make([]error, len(unknown))
		for i, e := range unknown {
			lines[i] = errors.New(at(e.Pos) + adviseName(e.Msg))
		}
		return errors.Join(lines...)
	case errors.As(err, &failed):
		return remoteError{at(place(failed.CallStack)), failed}
	}
	return err
}

// adviseSyntax returns what to write instead of a Python construct that Starlark lacks, or the
// syntax error.
func adviseSyntax(err syntax.Error, text string) string {
	line := ""
	if lines := strings.Split(text, "\n"); int(err.Pos.Line) <= len(lines) {
		line = strings.TrimSpace(lines[err.Pos.Line-1])
	}
	if m := got.FindStringSubmatch(err.Msg); m != nil && instead[m[1]] != "" {
		return instead[m[1]]
	}
	switch {
	case formats.MatchString(line):
		return `there are no f-strings; write "Hello, %s" % name`
	case printed.MatchString(line):
		return "print is a function; write print(…)"
	case strings.HasPrefix(line, "assert "):
		return instead["assert"]
	case strings.HasPrefix(line, "@"):
		return "there are no decorators; write f = decorate(f) after the function"
	case strings.Contains(err.Msg, "got ',', want ':'"):
		return "there are no sets in braces; write set([1, 2])"
	}
	return "syntax error: " + err.Msg
}

// adviseName returns what to write instead of an undefined name, or the error. msg is Starlark's:
// "undefined: foo" or "undefined: foo (did you mean bar?)".
func adviseName(msg string) string {
	name, near, suggested := strings.Cut(strings.TrimPrefix(msg, "undefined: "), " ")
	switch {
	case suggested:
		return "NameError: " + name + " is not defined " + near
	case instead[name] != "":
		return instead[name]
	}
	return "NameError: " + name + " is not defined; to call a service, write n.rpc." + name
}

// place returns the position in the text of the innermost call.
func place(stack starlark.CallStack) syntax.Position {
	for i := range stack {
		if pos := stack.At(i).Pos; pos.Line > 0 {
			return pos
		}
	}
	return syntax.Position{}
}
