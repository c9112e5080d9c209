package signature

import (
	"context"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/clip"
)

// Arguments are the arguments of a call, in the encoding of their sender. No Value may be nil.
type Arguments struct {
	Positional []Value
	Keyword    []Named // in the order of the sender

	// More is the number of positional arguments beyond Positional. It is set only if the method takes
	// fewer arguments, so the receiver counts them without reading them.
	More int
}

// A Named is an argument given by name.
type Named struct {
	Name  string
	Value Value
}

// A Value is one argument. It decodes itself because only its sender's protocol knows the encoding,
// and only the method that it reaches knows the type.
type Value interface {
	// Decode stores the value in the variable that v points to. The error says why the value does not
	// fit.
	Decode(v any) error
}

// A StrictValue is a Value that can require members of the objects in it. The receiver calls
// DecodeStrict instead of Decode, unless its row is lenient.
type StrictValue interface {
	Value

	// DecodeStrict is like Decode, but members that the type of v requires must be present. If the
	// error has a method In(name string) string, that says which part of the argument does not fit.
	DecodeStrict(v any) error
}

// A StreamValue is a Value that may be a stream of items, for a parameter that is an
// iter.Seq2[T, error].
type StreamValue interface {
	Value

	// Stream returns an iterator of type t over the items, and false if the value is not a stream.
	// ctx is that of the call.
	Stream(ctx context.Context, t reflect.Type) (seq reflect.Value, ok bool)
}

// An Error says, with Python's wording, why the arguments of a call do not fit a signature:
//
//	get_order() missing 1 required positional argument: 'order_id'
//
// The method was not run.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

// Expected returns true: the caller made the mistake.
func (e *Error) Expected() bool { return true }

// Matched are the arguments of a call by parameter.
type Matched struct {
	Given   []Value // one for each parameter; nil if its default applies
	Rest    []Value // what *rest takes
	Options []Named // what **opts takes
}

// Match assigns args to the parameters as Python's inspect.getcallargs does, with which Nameko
// checks calls. It makes the same checks in the same order, and the error is an [*Error] with
// Python's text. The receiver counts as an argument, self.
//
// Matched.Given is appended to buf, which saves an allocation if buf has the capacity.
func (s *Signature) Match(args Arguments, buf []Value) (Matched, error) {
	m := Matched{Given: append(buf, make([]Value, len(s.Params))...)}
	all, optional := s.positional()
	n := copy(m.Given[:all], args.Positional)
	m.Rest = args.Positional[n:]

	for _, kw := range args.Keyword {
		i := s.named(kw.Name)
		switch {
		case i < 0 && kw.Name == "self", i >= 0 && m.Given[i] != nil:
			return m, s.error("got multiple values for argument ", Repr(clip.Text(kw.Name, clip.Name)))
		case i >= 0:
			m.Given[i] = kw.Value
		case s.Has(Options):
			m.Options = append(m.Options, kw)
		default:
			return m, s.error("got an unexpected keyword argument ", Repr(clip.Text(kw.Name, clip.Name)))
		}
	}
	if args.More > 0 || len(m.Rest) > 0 && !s.Has(Rest) {
		return m, s.tooMany(all, optional, len(args.Positional)+args.More, m.Given)
	}
	if err := s.missing(Positional, m.Given); err != nil {
		return m, err
	}
	return m, s.missing(Keyword, m.Given)
}

// Takes returns the largest number of positional arguments that s takes. With a *rest it is
// math.MaxInt.
func (s *Signature) Takes() int {
	if s.Has(Rest) {
		return math.MaxInt
	}
	all, _ := s.positional()
	return all
}

// Mismatch returns the [*Error] for an argument that cannot be decoded. want is the Python type of
// the parameter, and why is the reason.
func (s *Signature) Mismatch(argument, want, why string) error {
	return s.error("argument ", Repr(clip.Text(argument, clip.Name)), " must be ", want, ": ", why)
}

// positional returns how many parameters take arguments by position, and how many of them are
// optional.
func (s *Signature) positional() (all, optional int) {
	for i := range s.Params {
		if p := &s.Params[i]; p.Kind == Positional {
			all++
			if p.Optional {
				optional++
			}
		}
	}
	return all, optional
}

// named returns the index of the parameter that takes an argument of this name, or -1.
func (s *Signature) named(name string) int {
	for i := range s.Params {
		if p := &s.Params[i]; p.Name == name && (p.Kind == Positional || p.Kind == Keyword) {
			return i
		}
	}
	return -1
}

func (s *Signature) error(words ...string) error {
	return &Error{s.Name + "() " + strings.Join(words, "")}
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
	return s.error("takes ", takes, " positional argument", plural(all), " but ", strconv.Itoa(given), tail, " were given")
}

func (s *Signature) missing(kind Kind, values []Value) error {
	var names []string
	for i := range s.Params {
		if p := &s.Params[i]; p.Kind == kind && !p.Optional && values[i] == nil {
			names = append(names, Repr(p.Name))
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
	return s.error("missing ", strconv.Itoa(n), what, plural(n), ": ", list)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
