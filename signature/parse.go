package signature

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse parses a signature as Python would write it, "name(a, b=1, *rest, c, d=None, **opts)", or
// only a name. The parameters have no Type yet. The error says what to write instead.
func Parse(text string) (*Signature, error) {
	r := &reader{text: text}
	s := &Signature{Name: r.identifier()}
	if s.Name == "" && strings.TrimSpace(text) == "" {
		return nil, errors.New("has no signature: write name or name(a, b=1)")
	}
	if s.Name == "" {
		return nil, fmt.Errorf("signature %q has no name: write name or name(a, b=1)", text)
	}
	if s.Listed = r.take("("); s.Listed {
		var err error
		if s.Params, err = r.params(); err != nil {
			return nil, fmt.Errorf("signature %q: %w", text, err)
		}
	}
	if r.peek() != 0 {
		return nil, fmt.Errorf("signature %q: unexpected %s", text, r.rest())
	}
	return s, nil
}

// A reader reads a signature, or a literal, from left to right. It skips white space between the
// parts.
type reader struct {
	text string
	pos  int
}

// params reads parameters by Python's rules, up to and including the closing parenthesis.
func (r *reader) params() ([]Param, error) {
	var params []Param
	kind := Positional
	bare := false // after a bare *, a name must follow
	for !r.take(")") {
		p := Param{Kind: kind}
		switch {
		case r.take("**"):
			p.Kind = Options
		case r.take("*"):
			if kind != Positional {
				return nil, errors.New("only one * is allowed: remove the second")
			}
			p.Kind, kind = Rest, Keyword
		case r.take("/"):
			return nil, errors.New("/ is not supported: remove it")
		}
		p.Name = r.identifier()
		switch {
		case p.Name == "" && p.Kind == Rest:
			bare = true
		case p.Name == "":
			return nil, fmt.Errorf("expected the name of a parameter at %s", r.rest())
		default:
			if err := r.tail(&p, params); err != nil {
				return nil, err
			}
			params = append(params, p)
			bare = bare && p.Kind != Keyword
		}
		if err := r.separator(")"); err != nil {
			return nil, err
		}
		if p.Kind == Options && r.peek() != ')' {
			return nil, fmt.Errorf("**%s must be the last parameter", p.Name)
		}
	}
	if bare {
		return nil, errors.New("a bare * must be followed by a parameter")
	}
	return params, nil
}

// tail reads what follows the name of p, and checks p against the parameters before it.
func (r *reader) tail(p *Param, before []Param) error {
	switch {
	case r.take(":"):
		return fmt.Errorf("parameter %s: remove the annotation: the Go method has the type", p.Name)
	case p.Name == "self":
		return errors.New("remove self: it is the receiver of the Go method")
	case r.take("="):
		if p.Kind == Rest || p.Kind == Options {
			return fmt.Errorf("parameter %s cannot have a default", p.Name)
		}
		v, err := r.literal()
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		p.Default, p.Optional = v, true
	}
	for _, b := range before {
		switch {
		case b.Name == p.Name:
			return fmt.Errorf("parameter %s is named twice", p.Name)
		case p.Kind == Positional && !p.Optional && b.Optional:
			return fmt.Errorf("parameter %[1]s has no default but follows %[2]s, which has one: put %[1]s first", p.Name, b.Name)
		}
	}
	return nil
}

// separator takes a comma, or leaves the closing bracket to be read.
func (r *reader) separator(closing string) error {
	if r.take(",") || strings.HasPrefix(r.text[r.pos:], closing) {
		return nil
	}
	return fmt.Errorf("expected , or %s at %s", closing, r.rest())
}

// peek skips white space and returns the next byte, 0 at the end.
func (r *reader) peek() byte {
	for r.pos < len(r.text) && (r.text[r.pos] == ' ' || r.text[r.pos] == '\t') {
		r.pos++
	}
	if r.pos == len(r.text) {
		return 0
	}
	return r.text[r.pos]
}

func (r *reader) take(token string) bool {
	r.peek()
	if !strings.HasPrefix(r.text[r.pos:], token) {
		return false
	}
	r.pos += len(token)
	return true
}

// identifier reads a name by Python's rules, "" if there is none.
func (r *reader) identifier() string {
	r.peek()
	start := r.pos
	for r.pos < len(r.text) {
		c, size := utf8.DecodeRuneInString(r.text[r.pos:])
		if c != '_' && !unicode.IsLetter(c) && !(r.pos > start && unicode.IsDigit(c)) {
			break
		}
		r.pos += size
	}
	return r.text[start:r.pos]
}

// rest returns the text that was not read, for errors.
func (r *reader) rest() string {
	if r.pos >= len(r.text) {
		return "the end"
	}
	return fmt.Sprintf("%q", r.text[r.pos:])
}
