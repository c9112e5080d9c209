package service

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A spec is a signature as a tag has it, before it is bound to a method.
type spec struct {
	name   string
	list   bool // with parentheses
	params []Param
}

// parseSpec reads "name" or "name(a, b=1, *rest, c, d=None, **opts)".
func parseSpec(text string) (spec, error) {
	s := &scanner{text: text}
	p := spec{name: s.identifier()}
	if p.name == "" {
		return p, fmt.Errorf("signature %q has no name: write name or name(a, b=1)", text)
	}
	if s.take("(") {
		p.list = true
		params, err := s.params()
		if err != nil {
			return p, fmt.Errorf("signature %q: %w", text, err)
		}
		p.params = params
	}
	if s.peek() != 0 {
		return p, fmt.Errorf("signature %q: unexpected %s after its end", text, s.rest())
	}
	return p, nil
}

// ParseSignature reads a signature as a tag has it, for an extension that binds no method: its parameters have no
// Type yet, and "name" has none of them, as "name()".
func ParseSignature(text string) (*Signature, error) {
	p, err := parseSpec(text)
	if err != nil {
		return nil, err
	}
	return &Signature{Name: p.name, Params: p.params}, nil
}

// A scanner reads a signature from left to right. White space between its parts is skipped.
type scanner struct {
	text string
	pos  int
}

// params reads parameters up to and with the closing parenthesis, by Python's rules.
func (s *scanner) params() ([]Param, error) {
	var params []Param
	kind := Positional
	bare := false // after a bare *, a name must follow
	for !s.take(")") {
		p := Param{Kind: kind}
		switch {
		case s.take("**"):
			p.Kind = Options
		case s.take("*"):
			if kind != Positional {
				return nil, errors.New("only one * can stand in a signature")
			}
			p.Kind, kind = Rest, Keyword
		case s.take("/"):
			return nil, errors.New("/ is not supported: leave it out")
		}
		p.Name = s.identifier()
		switch {
		case p.Name == "" && p.Kind == Rest:
			bare = true
		case p.Name == "":
			return nil, fmt.Errorf("expected the name of a parameter at %s", s.rest())
		default:
			if err := s.tail(&p, params); err != nil {
				return nil, err
			}
			params = append(params, p)
			bare = bare && p.Kind != Keyword
		}
		if err := s.separator(")"); err != nil {
			return nil, err
		}
		if p.Kind == Options && s.peek() != ')' {
			return nil, fmt.Errorf("**%s must be the last", p.Name)
		}
	}
	if bare {
		return nil, errors.New("names must follow a bare *")
	}
	return params, nil
}

// tail reads what may stand after the name of p, and checks p against the parameters before it.
func (s *scanner) tail(p *Param, before []Param) error {
	switch {
	case s.take(":"):
		return fmt.Errorf("parameter %s: leave the annotation out, the Go method has the type", p.Name)
	case p.Name == "self":
		return errors.New("leave self out: the receiver is the method's own")
	case s.take("="):
		if p.Kind == Rest || p.Kind == Options {
			return fmt.Errorf("parameter %s cannot have a default", p.Name)
		}
		v, err := s.literal()
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
			return fmt.Errorf("parameter %s has no default but follows %s, which has: put it first", p.Name, b.Name)
		}
	}
	return nil
}

// separator takes a comma, or sees the closing bracket.
func (s *scanner) separator(closing string) error {
	if s.take(",") || strings.HasPrefix(s.text[s.pos:], closing) {
		return nil
	}
	return fmt.Errorf("expected , or %s at %s", closing, s.rest())
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.text) && (s.text[s.pos] == ' ' || s.text[s.pos] == '\t') {
		s.pos++
	}
	if s.pos == len(s.text) {
		return 0
	}
	return s.text[s.pos]
}

func (s *scanner) take(token string) bool {
	s.peek()
	if !strings.HasPrefix(s.text[s.pos:], token) {
		return false
	}
	s.pos += len(token)
	return true
}

// identifier reads a name as Python has it, "" if there is none.
func (s *scanner) identifier() string {
	s.peek()
	start := s.pos
	for s.pos < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if r != '_' && !unicode.IsLetter(r) && !(s.pos > start && unicode.IsDigit(r)) {
			break
		}
		s.pos += size
	}
	return s.text[start:s.pos]
}

// rest is what was not read, for errors.
func (s *scanner) rest() string {
	if s.pos >= len(s.text) {
		return "its end"
	}
	return fmt.Sprintf("%q", s.text[s.pos:])
}
