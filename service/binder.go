package service

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/inject"
	"github.com/gomeko/gomeko/internal/nearest"
)

var (
	nameType       = reflect.TypeFor[Name]()
	entrypointType = reflect.TypeFor[EntrypointType]()
	dependencyType = reflect.TypeFor[DependencyType]()
)

// A binder makes services out of structs for New, and collects their mistakes in the order of declaration.
type binder struct {
	container *Container
	unstarted *Host // of the rows that Config.Only leaves out: what only they share is never started
	mistakes  []error
}

func (b *binder) err() error { return errors.Join(b.mistakes...) }

// add adds a mistake, those of errors.Join one by one.
func (b *binder) add(where string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if all := joined.Unwrap(); errors.Join(all...).Error() == err.Error() {
			for _, e := range all {
				b.add(where, e)
			}
			return
		}
	}
	b.mistakes = append(b.mistakes, fmt.Errorf("%s: %w", where, err))
}

func (b *binder) addf(where, format string, args ...any) {
	b.add(where, fmt.Errorf(format, args...))
}

func (b *binder) config(cfg Config) {
	if cfg.MaxWorkers < 0 {
		b.addf("service.Config", "MaxWorkers is %d: leave it 0 for %d", cfg.MaxWorkers, defaultMaxWorkers)
	}
	for i, m := range cfg.Middleware {
		if m == nil {
			b.addf("service.Config", "Middleware[%d] is nil: leave it out", i)
		}
	}
}

// application binds the services of an application, which is the first to start and the last to stop.
func (b *binder) application(app *application) {
	b.container.host.shared = append(b.container.host.shared, &managed{value: app, owner: "application"})
	if err := app.Err(); err != nil {
		b.add("application", err)
	}
	for _, target := range app.Targets {
		b.service(target)
	}
	if b.err() == nil {
		b.only()
	}
	if b.err() == nil && !app.Partial {
		b.mistakes = append(b.mistakes, b.container.configuration.mistakes()...)
	}
}

// only checks that the rows of Config.Only are there.
func (b *binder) only() {
	names := make([]string, len(b.container.rows))
	for i, f := range b.container.rows {
		names[i] = f.path()
	}
	for i, name := range b.container.cfg.Only {
		if slices.Contains(names, name) {
			continue
		}
		remedy := "there are " + strings.Join(names, ", ")
		if near := nearest.Likely(name, names); near != "" {
			remedy = "did you mean " + near + "?"
		}
		b.addf("service.Config", "Only[%d] is %q, which is no row: %s", i, name, remedy)
	}
}

func (b *binder) service(target *inject.Target) {
	v := reflect.ValueOf(target.Ptr)
	where := fmt.Sprintf("service %T", target.Ptr)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem().Kind() != reflect.Struct {
		b.addf(where, "must be a pointer to the struct of a service, as in new(Orders); configuration values need service.Configure(…)")
		return
	}
	t := v.Type().Elem()
	h := &hosted{
		name:    b.name(t),
		proto:   reflect.New(t).Elem(),
		workers: newSemaphore(b.container.workers()),
		target:  target,
		plan:    inject.Plan{Panic: panicked},
	}
	h.proto.Set(v.Elem())
	for _, other := range b.container.hosted {
		if h.name != "" && other.name == h.name {
			b.addf("service "+h.name, "is the name of both %s and %s: give each one of its own", other.proto.Type(), t)
		}
	}
	b.container.hosted = append(b.container.hosted, h)
	b.fields(h, h.proto, nil)
}

// name returns the name of a service's type, "" if it has none.
func (b *binder) name(t reflect.Type) string {
	where := fmt.Sprintf("service %s", t)
	found, name := 0, ""
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type != nameType {
			continue
		}
		found++
		tag, err := ParseTag(string(f.Tag))
		name = tag.Get("service")
		switch {
		case err != nil:
			b.add(where, err)
		case f.Name != "_":
			b.addf(where, "its service.Name is a field %s: write _ service.Name `service:\"%s\"`", f.Name, cmp.Or(name, "orders"))
		case strings.TrimSpace(name) == "":
			b.addf(where, "its name is empty: write _ service.Name `service:\"%s\"`", strings.ToLower(t.Name()))
		default:
			if err := tag.Keys("service"); err != nil {
				b.add(where, err)
			}
		}
	}
	switch {
	case found == 0:
		b.addf(where, "has no name: write a field _ service.Name `service:\"%s\"`", strings.ToLower(t.Name()))
	case found > 1:
		b.addf(where, "has %d fields service.Name: leave one", found)
	}
	return name
}

// label is how mistakes name the service.
func (h *hosted) label() string {
	return "service " + cmp.Or(h.name, h.proto.Type().String())
}

// fields binds the fields of a service, or of a struct embedded in one at index.
func (b *binder) fields(h *hosted, v reflect.Value, index []int) {
	t, top := v.Type(), len(index) == 0
	for i := range t.NumField() {
		f := t.Field(i)
		where := h.label() + ": " + f.Name
		at := append(slices.Clip(index), i)
		_, injected := f.Tag.Lookup(inject.Tag)
		switch {
		case f.Type == nameType && !top:
			b.addf(where, "service.Name stands in the embedded %s: move it into the service", t)
		case f.Type == nameType:
		case f.Name == "Entrypoints" && !top:
			b.addf(where, "the table stands in the embedded %s: move it into the service", t)
		case f.Name == "Entrypoints" && f.Type.Kind() != reflect.Struct:
			b.addf(where, "is %s: write Entrypoints struct{ … }", f.Type)
		case f.Name == "Entrypoints":
			for j := range f.Type.NumField() {
				b.row(h, f.Type.Field(j))
			}
		case injected:
			b.inject(h, f, at)
		case implements(f.Type, dependencyType), marker(f.Type) != nil:
			b.dependency(h, f, v.Field(i))
		case f.Type.Kind() == reflect.Pointer && marker(f.Type.Elem()) != nil:
			b.addf(where, "is a pointer to %[1]s, which is held by value: write %[1]s", f.Type.Elem())
		case implements(f.Type, entrypointType):
			b.addf(where, "is an entrypoint outside of the table: move it into Entrypoints struct{ … }")
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			b.fields(h, v.Field(i), at)
		case (f.Anonymous || f.Type.Name() == "") && injects(f.Type):
			b.addf(where, "has fields to inject, which are not found there: move them into the service, or embed their struct by value")
		}
		if lock, path := findLock(f.Type, f.Name); top && lock != nil {
			b.addf(where, "holds %s by value (%s), and each call gets a copy: make it a pointer, or inject it", lock, path)
		}
	}
}

// inject gives the field at index its value, or each call its own.
func (b *binder) inject(h *hosted, sf reflect.StructField, index []int) {
	where := h.label() + ": " + sf.Name
	f, err := b.field(h, sf)
	switch {
	case err != nil:
	case sf.Name == "_":
		err = errors.New("is blank and cannot be injected into: give it a name")
	case !sf.IsExported():
		err = errors.New("is not exported and cannot be injected into: begin its name with a capital")
	case implements(sf.Type, entrypointType), implements(sf.Type, dependencyType), marker(sf.Type) != nil:
		err = fmt.Errorf("%s is bound by its own type: leave inject out", sf.Type)
	default:
		err = errors.Join(f.Tag.Keys(inject.Tag), h.target.Bind(&h.plan, h.proto, index))
	}
	if err != nil {
		b.add(where, err)
	}
}

// injects reports whether t is a struct, or points to one, that has fields to inject.
func injects(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if _, ok := t.Field(i).Tag.Lookup(inject.Tag); ok {
			return true
		}
	}
	return false
}

func (b *binder) field(h *hosted, f reflect.StructField) (*Field, error) {
	tag, err := ParseTag(string(f.Tag))
	return &Field{
		Host:    b.container.host,
		Service: h.name,
		Name:    f.Name,
		Type:    f.Type,
		Tag:     tag,
		logger:  b.logger(h, f.Name),
	}, err
}

func (b *binder) logger(h *hosted, field string) *slog.Logger {
	return b.container.logger.With("service", h.name, "field", field)
}

func (b *binder) row(h *hosted, sf reflect.StructField) {
	where := h.label() + ": " + sf.Name
	switch {
	case !implements(sf.Type, entrypointType):
		remedy := "rows have types such as rpc.Method"
		if implements(sf.Type, dependencyType) || marker(sf.Type) != nil {
			remedy = "dependencies stand outside of Entrypoints"
		}
		b.addf(where, "%s is no entrypoint: %s", sf.Type, remedy)
		return
	case !sf.IsExported():
		b.addf(where, "is not exported: a row is named as the method that it calls, which begins with a capital")
		return
	}
	tag, err := ParseTag(string(sf.Tag))
	if err != nil {
		b.add(where, err)
		return
	}
	tag.common = rowKeys
	r := &Row{
		Host:      b.container.host,
		Service:   h.name,
		Name:      sf.Name,
		Method:    sf.Name,
		Type:      sf.Type,
		Tag:       tag,
		container: b.container,
		hosted:    h,
		logger:    b.logger(h, sf.Name),
		workers:   []*semaphore{h.workers},
	}
	if _, ok := tag.lookup(inject.Tag); ok {
		b.addf(where, "is an entrypoint, and nothing is injected there: leave inject out")
		return
	}
	if name, ok := tag.lookup("method"); ok && name == "" {
		b.addf(where, "method is empty: leave it out, or name a method")
		return
	} else if ok {
		r.Method = name
	}
	if text, ok := tag.lookup("timeout"); ok {
		r.timeout, err = time.ParseDuration(text)
		if err != nil || r.timeout <= 0 {
			b.addf(where, `timeout %q is no time: write timeout:"5s"`, text)
		}
	}
	if text, ok := tag.lookup("max_workers"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			b.addf(where, `max_workers %q is no number from 1 on: write max_workers:"4"`, text)
		}
		r.workers = []*semaphore{newSemaphore(n), h.workers}
	}
	b.entrypoint(r, where)
}

// entrypoint makes the entrypoint of a row.
func (b *binder) entrypoint(r *Row, where string) {
	only := b.container.cfg.Only
	left := only != nil && !slices.Contains(only, r.path())
	if left {
		r.Host = b.unstarted
	}
	e, err := instance(r.Type).(EntrypointType).Entrypoint(r)
	switch {
	case err != nil:
		b.add(where, err)
		return
	case r.method == nil || e == nil:
		b.addf(where, "the type %s made no entrypoint, or did not Bind its method: that is a fault of its own", r.Type)
		return
	}
	if list, ok := r.Tag.lookup("sensitive"); ok {
		if err := r.method.hide(list); err != nil {
			b.add(where, err)
		}
	}
	if !left {
		b.container.entrypoint(&managed{value: e, owner: where})
	}
	b.container.rows = append(b.container.rows, r)
	if b.err() == nil {
		r.run = r.chain(b.container.cfg.Middleware)
	}
}

func (b *binder) dependency(h *hosted, sf reflect.StructField, dst reflect.Value) {
	where := h.label() + ": " + sf.Name
	f, err := b.field(h, sf)
	switch {
	case err != nil:
		b.add(where, err)
		return
	case !sf.IsExported():
		b.addf(where, "is not exported and cannot be set: begin its name with a capital")
		return
	}
	f.value = dst
	maker := sf.Type
	if m := marker(sf.Type); m != nil {
		if sf.Tag != "" {
			b.addf(where, "has a tag, but that of _ %s in %s counts: leave this one out", m.Type, sf.Type)
			return
		}
		maker = m.Type
		if f.Tag, err = ParseTag(string(m.Tag)); err != nil {
			b.add(where, err)
			return
		}
	}
	value, err := instance(maker).(DependencyType).Dependency(f)
	if err != nil {
		b.add(where, err)
		return
	}
	v := reflect.ValueOf(value)
	if !v.IsValid() || !v.Type().AssignableTo(sf.Type) {
		b.addf(where, "the type %s made a value of type %T, which the field cannot hold: that is a fault of its own", sf.Type, value)
		return
	}
	dst.Set(v)
}

// implements reports whether a field of type t is an extension: t or a pointer to it has the method.
func implements(t, extension reflect.Type) bool {
	return t.Kind() != reflect.Interface && (t.Implements(extension) || reflect.PointerTo(t).Implements(extension))
}

// marker returns the blank field of a struct whose type makes values of the struct, nil if it has none.
func marker(t reflect.Type) *reflect.StructField {
	if t.Kind() != reflect.Struct || implements(t, dependencyType) {
		return nil
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Name == "_" && implements(f.Type, dependencyType) {
			return &f
		}
	}
	return nil
}

// instance makes a value to call the extension's method on.
func instance(t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return reflect.New(t).Interface()
}
