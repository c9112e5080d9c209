package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gomeko/gomeko/signature"
)

// A spec is the part of a row that clients need to enqueue its jobs. They read it in the store, as
// JSON. See docs/wire/jobs.md.
type spec struct {
	Signature string `json:"signature"`            // resize(url, width=200)
	Unique    string `json:"unique,omitempty"`     // true, or the parameters that make the key
	UniqueFor string `json:"unique_for,omitempty"` // a duration
	Hidden    bool   `json:"hidden,omitempty"`     // the key is a hash, whatever its length
	Resource  string `json:"resource,omitempty"`   // a text with {parameters}
	OnRetry   string `json:"on_retry,omitempty"`   // wait or pass
}

// says reports whether the spec is not empty.
func (s spec) says() bool { return s.Unique != "" || s.Resource != "" }

// text returns the spec as JSON for the store, or "" if it is empty.
func (s spec) text() string {
	if !s.says() {
		return ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it has only texts
	}
	return string(text)
}

// The values of the key on_retry.
const (
	waitOnRetry = "wait"
	passOnRetry = "pass"
)

// A rule computes the terms of jobs by a [spec].
type rule struct {
	version  string
	sig      *signature.Signature
	unique   []int // the parameters that make the key; nil if jobs are not unique
	hidden   bool
	lasts    time.Duration
	resource []piece // nil if there is none
	pass     bool
}

// A piece is a part of a resource's name: a text, or a parameter whose argument is inserted.
type piece struct {
	text  string
	param int // -1 for a text
}

// ruleOf returns the rule for a spec in the store.
func ruleOf(text, version string) (*rule, error) {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, err
	}
	sig, err := signature.Parse(s.Signature)
	if err != nil {
		return nil, err
	}
	return s.rule(sig, version)
}

// rule returns the rule for a spec whose signature is sig.
func (s spec) rule(sig *signature.Signature, version string) (*rule, error) {
	r := &rule{version: version, sig: sig, hidden: s.Hidden, pass: s.OnRetry == passOnRetry}
	return r, errors.Join(r.readUnique(s), r.readResource(s))
}

// readUnique reads the keys unique and unique_for.
func (r *rule) readUnique(s spec) error {
	if s.Unique == "" {
		if s.UniqueFor != "" {
			return errors.New(`unique_for: the row is not unique: add unique:"true", or remove unique_for`)
		}
		return nil
	}
	var mistakes []error
	r.unique = []int{}
	if s.Unique == "true" {
		for i := range r.sig.Params {
			r.unique = append(r.unique, i)
		}
	} else {
		for _, name := range strings.FieldsFunc(s.Unique, func(c rune) bool { return c == ',' || c == ' ' }) {
			i, err := r.param(name)
			r.unique = append(r.unique, i)
			if err != nil {
				mistakes = append(mistakes, fmt.Errorf(`unique: %w; or write unique:"true" for all of them`, err))
			}
		}
	}
	if s.UniqueFor != "" {
		var err error
		if r.lasts, err = time.ParseDuration(s.UniqueFor); err != nil || r.lasts <= 0 {
			mistakes = append(mistakes, fmt.Errorf("unique_for %q: must be a positive duration, such as 1h", s.UniqueFor))
		}
	}
	return errors.Join(mistakes...)
}

// param returns the index of a parameter.
func (r *rule) param(name string) (int, error) {
	var known []string
	for i, p := range r.sig.Params {
		if p.Name == name {
			return i, nil
		}
		known = append(known, p.Name)
	}
	if len(known) == 0 {
		return 0, fmt.Errorf("there is no parameter %q: the job has none", name)
	}
	return 0, fmt.Errorf("there is no parameter %q: name one of %s", name, strings.Join(known, ", "))
}

// readResource reads the keys resource and on_retry.
func (r *rule) readResource(s spec) error {
	var mistakes []error
	switch {
	case s.OnRetry != "" && s.Resource == "":
		mistakes = append(mistakes, errors.New("on_retry: the row has no resource: add one, or remove on_retry"))
	case s.OnRetry != "" && s.OnRetry != waitOnRetry && s.OnRetry != passOnRetry:
		mistakes = append(mistakes, fmt.Errorf("on_retry %q: must be %s or %s", s.OnRetry, waitOnRetry, passOnRetry))
	}
	if len(s.Resource) > longest {
		mistakes = append(mistakes, fmt.Errorf("resource: has %d bytes, at most %d are allowed", len(s.Resource), longest))
	}
	for rest := s.Resource; rest != ""; {
		text, tail, found := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return errors.Join(append(mistakes, fmt.Errorf("resource %q: has a } without a {", s.Resource))...)
		}
		if text != "" {
			r.resource = append(r.resource, piece{text, -1})
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(tail, "}")
		if !closed {
			return errors.Join(append(mistakes, fmt.Errorf("resource %q: has a { without a }", s.Resource))...)
		}
		i, err := r.param(name)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("resource: %w", err))
		} else if kind := r.sig.Params[i].Kind; kind == signature.Rest || kind == signature.Options {
			mistakes = append(mistakes, fmt.Errorf("resource: the parameter %s has several values: name one with a single value", name))
		}
		r.resource = append(r.resource, piece{"", i})
		rest = tail
	}
	return errors.Join(mistakes...)
}

// constant returns the resource's name if it contains no arguments.
func (r *rule) constant() (name string, ok bool) {
	for _, p := range r.resource {
		if p.param >= 0 {
			return "", false
		}
		name += p.text
	}
	return name, len(r.resource) > 0
}
