package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/signature"
)

// A Field is one field of a service as an extension sees it: a row of the table or a dependency.
type Field struct {
	Host    *Container
	Service string       // the service's name
	Name    string       // the field's name; for a row also the method's, unless method:"…" says otherwise
	Type    reflect.Type // the field's type

	tag     tag
	hosted  *hosted
	value   reflect.Value // a dependency's, in the prototype
	logger  *slog.Logger
	isRow   bool
	goName  string        // the row's method
	timeout time.Duration // the row's; 0 is none
	workers []*slots      // what a call takes: of the row, if it is bounded, then of the service
	method  *method       // set by Bind
	prefix  string        // of the ids of its calls
	run     Runner        // the method in its middleware
}

// row is how [Config].Only names the row.
func (f *Field) row() string { return f.Service + "." + f.Name }

// Fields returns the fields of the struct t in their order, blank ones too, for an extension that reads their tags:
// Tag and Keys work on them, and they belong to no service. The error has a line for each tag that is malformed.
func Fields(t reflect.Type) ([]*Field, error) {
	fields := make([]*Field, t.NumField())
	var mistakes []error
	for i := range fields {
		f := t.Field(i)
		tags, err := parseTag(string(f.Tag))
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", f.Name, err))
		}
		fields[i] = &Field{Name: f.Name, Type: f.Type, tag: tags}
	}
	return fields, errors.Join(mistakes...)
}

// Tag returns the value of a key of the field's tag, "" if it has none.
func (f *Field) Tag(key string) string {
	value, _ := f.tag.lookup(key)
	return value
}

// Flag returns the value of a key of the field's tag that is true or false, fallback if the tag has not got it. The error is for the
// user: it says what to write.
func (f *Field) Flag(key string, fallback bool) (bool, error) {
	text := f.Tag(key)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return fallback, fmt.Errorf(`%s %q is neither "true" nor "false"`, key, text)
	}
	return value, nil
}

// Keys returns an error for each key of the tag that is not among known, with the nearest one that is.
// The keys of every row, method, timeout, max_workers and sensitive, are known
// already.
func (f *Field) Keys(known ...string) error {
	if f.isRow {
		known = append(slices.Clip(known), "method", "timeout", "max_workers", "sensitive")
	}
	var mistakes []error
	for _, p := range f.tag {
		if slices.Contains(known, p.key) {
			continue
		}
		remedy := "known are " + strings.Join(known, ", ")
		if len(known) == 0 {
			remedy = "leave it out"
		}
		if near := nearest.Likely(p.key, known); near != "" {
			remedy = "did you mean " + near + "?"
		}
		mistakes = append(mistakes, fmt.Errorf("unknown key %s in its tag: %s", p.key, remedy))
	}
	return errors.Join(mistakes...)
}

// Bind binds the row's method to the signature spec, "name" or "name(a, b=1, *rest, c, **opts)" as
// Python would write it, after ctx and the parameters of the types lead. It is called once, in Entrypoint. Where lead has
// a type whose values carry the ctx, as *http.Request does, a method may take just what lead has, and return nothing.
//
// A list binds one name a Go parameter. Without a list the method has no parameter, or one struct (or pointer to one) whose
// fields are the parameters: named by json, optional by default:"1" (a Python literal), a pointer or omitempty.
func (f *Field) Bind(spec string, lead ...reflect.Type) (*signature.Signature, error) {
	switch {
	case !f.isRow:
		return nil, errors.New("a dependency has no method to bind")
	case f.method != nil:
		return nil, fmt.Errorf("%s is bound already, to %s", f.goName, f.method.sig)
	}
	sig, err := signature.Parse(spec)
	if err != nil {
		return nil, err
	}
	m, err := bind(f.hosted.proto, f.goName, sig, lead)
	if err != nil {
		return nil, err
	}
	m.plan = &f.hosted.plan
	f.method = m
	f.prefix = f.Service + "." + m.sig.Name + "."
	return m.sig, nil
}

// Lead returns the types that [Field.Bind] was given: those of the values that [Field.Run] takes ahead of the arguments.
func (f *Field) Lead() []reflect.Type {
	if f.method == nil {
		return nil
	}
	return slices.Clone(f.method.lead)
}

// Value returns what a dependency's field holds in the struct that was given to [New]; nil for a row.
func (f *Field) Value() any {
	if !f.value.IsValid() {
		return nil
	}
	return f.value.Interface()
}

// Go runs fn in a goroutine that [Container.Stop] waits for. fn is to return when its entrypoint has been stopped
// and the calls that it makes have ended; ctx ends when the container is killed, and not while it stops.
func (f *Field) Go(fn func(ctx context.Context)) {
	f.Host.goroutines.add()
	f.Host.crew.run(&errand{f.Host, fn})
}

// An errand is what [Field.Go] runs.
type errand struct {
	host *Container
	fn   func(ctx context.Context)
}

func (e *errand) work(*string) {
	defer e.host.goroutines.done()
	e.fn(e.host.life)
}

// Fail ends the whole container, in order, with err as its cause, and returns at once. Only the first one counts.
func (f *Field) Fail(err error) {
	f.Host.fail(fmt.Errorf("service %s: %s: %w", f.Service, f.Name, err))
}

// Logger returns the container's logger with service and field.
func (f *Field) Logger() *slog.Logger { return f.logger }

// MaxWorkers is the number of calls the service runs at once: what to set as prefetch.
func (f *Field) MaxWorkers() int { return f.hosted.workers.size }

// MaxLent is how many calls the entrypoint may take on beyond MaxWorkers while all that it has taken on are idle
// ([Watcher]).
func (f *Field) MaxLent() int {
	return max(0, cmp.Or(f.Host.cfg.MaxLent, 10*f.MaxWorkers()))
}

// Timeout is the row's limit of a call, 0 if it has none.
func (f *Field) Timeout() time.Duration { return f.timeout }
