package service

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/internal/inject"
	"github.com/gomeko/gomeko/internal/nearest"
)

var (
	nameType       = reflect.TypeFor[Name]()
	entrypointType = reflect.TypeFor[EntrypointType]()
	dependencyType = reflect.TypeFor[DependencyType]()
)

// A binder makes the services of a container from structs. Its methods follow in the order of the
// steps: the container, its services, their fields, and the rows among these. The mistakes are in
// the order of the declarations.
type binder struct {
	container  *Container
	app        *application
	unstarted  *Host // of the rows that Config.Only leaves out; values that only they share are never started
	middleware []Middleware
	mistakes   []error
}

// bind binds the services of an application. The error lists every mistake.
func (b *binder) bind(app *application) error {
	b.app = app
	b.config()
	b.guards()
	b.container.host.shared = append(b.container.host.shared, &managed{value: app, owner: "application", use: new(use)})
	b.add("application", app.Err())
	for _, target := range app.Targets {
		b.service(target)
	}
	b.extend()
	b.observe()
	if len(b.mistakes) == 0 {
		b.only()
	}
	b.add("", b.container.health.collect(b.container))
	complete := len(b.mistakes) == 0 && !app.Partial
	b.check(complete)
	if complete { // otherwise extensions may not have looked up their values
		b.mistakes = append(b.mistakes, b.container.configuration.mistakes(app.Provider)...)
	}
	return errors.Join(b.mistakes...)
}

// extend calls the extensions without a row or a field.
func (b *binder) extend() {
	for _, extend := range LookupAll[Extension](b.container.host) {
		if extend == nil {
			b.addf("service.Configure", "an extension is nil: remove it")
			continue
		}
		b.add("", extend(b.container.host))
	}
}

// observe adds the configured observers.
func (b *binder) observe() {
	for _, o := range LookupAll[Observer](b.container.host) {
		b.container.observers.add(o)
	}
}

// config checks the configuration of the container.
func (b *binder) config() {
	cfg := &b.container.cfg
	if cfg.MaxWorkers < 0 {
		b.addf("service.Config", "MaxWorkers must not be negative: use 0 for the default of %d", defaultMaxWorkers)
	}
	for i, m := range cfg.Middleware {
		if m == nil {
			b.addf("service.Config", "Middleware[%d] is nil: remove it", i)
		}
	}
	b.middleware = slices.Concat(cfg.Middleware, LookupAll[Middleware](b.container.host))
	if slices.ContainsFunc(b.middleware[len(cfg.Middleware):], func(m Middleware) bool { return m == nil }) {
		b.addf("service.Configure", "a middleware is nil: remove it")
	}
}

// only checks that the rows in Config.Only exist.
func (b *binder) only() {
	names := make([]string, len(b.container.rows))
	for i, r := range b.container.rows {
		names[i] = r.path()
	}
	for i, name := range b.container.cfg.Only {
		if slices.Contains(names, name) {
			continue
		}
		remedy := "the rows are " + strings.Join(names, ", ")
		if near := nearest.Likely(name, names); near != "" {
			remedy = "did you mean " + near + "?"
		}
		b.addf("service.Config", "Only[%d]: no such row %q: %s", i, name, remedy)
	}
}

// check adds the mistakes that the Check methods of shared values return.
func (b *binder) check(complete bool) {
	for _, s := range slices.Concat(b.container.host.shared, b.unstarted.shared) {
		if c, ok := s.value.(interface{ Check(complete bool) error }); ok {
			b.add("", c.Check(complete))
		}
	}
}

// service binds a service.
func (b *binder) service(target *inject.Target) {
	v := reflect.ValueOf(target.Ptr)
	where := fmt.Sprintf("service %T", target.Ptr)
	switch {
	case v.Kind() != reflect.Pointer || v.Type().Elem().Kind() != reflect.Struct:
		b.addf(where, "must be a pointer to the struct of a service, as in new(Orders); a configuration value needs service.Configure(…)")
		return
	case v.IsNil():
		b.addf(where, "is nil: write new(%s)", v.Type().Elem())
		return
	}
	t := v.Type().Elem()
	h := &hosted{
		proto:   reflect.New(t).Elem(),
		workers: newSemaphore(b.container.workers()),
		target:  target,
		plan:    inject.Plan{Panic: panicked},
	}
	h.proto.Set(v.Elem())
	h.name, h.allow = b.name(t)
	for _, other := range b.container.hosted {
		if h.name != "" && other.name == h.name {
			b.addf(h.label(), "two services have this name, %s and %s: rename one", other.proto.Type(), t)
		}
	}
	b.container.hosted = append(b.container.hosted, h)
	b.fields(h, h.proto, nil)
	b.docs(h, target.Ptr)
}

// name returns the name of a service and the group path in its key allow; each is "" if it is
// missing.
func (b *binder) name(t reflect.Type) (name, allow string) {
	where := fmt.Sprintf("service %s", t)
	found := 0
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
			b.addf(where, "service.Name must be a blank field, not %s: write _ service.Name `service:\"%s\"`", f.Name, cmp.Or(name, "orders"))
		case strings.TrimSpace(name) == "":
			b.addf(where, "the name is empty: write _ service.Name `service:\"%s\"`", strings.ToLower(t.Name()))
		default:
			b.add(where, errors.Join(CheckName(name), tag.Keys("service", "allow")))
		}
		if path, ok := tag.lookup("allow"); ok {
			b.add(where, checkPermission(path))
			allow = strings.TrimPrefix(path, "/")
		}
	}
	switch {
	case found == 0:
		b.addf(where, "has no name: add the field _ service.Name `service:\"%s\"`", strings.ToLower(t.Name()))
	case found > 1:
		b.addf(where, "has %d fields of type service.Name: keep one", found)
	}
	return name, allow
}

// label returns the service's name for error messages.
func (h *hosted) label() string {
	return "service " + cmp.Or(h.name, h.proto.Type().String())
}

// fields binds the fields of a service, or of the struct embedded in it at index.
func (b *binder) fields(h *hosted, v reflect.Value, index []int) {
	t, top := v.Type(), len(index) == 0
	for i := range t.NumField() {
		f := t.Field(i)
		where := h.label() + ": " + f.Name
		at := append(slices.Clip(index), i)
		_, injected := f.Tag.Lookup(inject.Tag)
		switch {
		case f.Type == nameType && !top:
			b.addf(where, "service.Name must be a field of the service itself: move it out of %s", t)
		case f.Type == nameType:
		case f.Name == "Entrypoints" && !top:
			b.addf(where, "the table must be a field of the service itself: move it out of %s", t)
		case f.Name == "Entrypoints" && f.Type.Kind() != reflect.Struct:
			b.addf(where, "must be a struct, not %s: write Entrypoints struct{ … }", f.Type)
		case f.Name == "Entrypoints":
			for j := range f.Type.NumField() {
				b.row(h, f.Type.Field(j))
			}
		case injected:
			b.inject(h, f, at)
		case implements(f.Type, dependencyType), marker(f.Type) != nil:
			b.dependency(h, f, v.Field(i))
		case f.Type.Kind() == reflect.Pointer && marker(f.Type.Elem()) != nil:
			b.add(where, byPointer(f.Type))
		case implements(f.Type, entrypointType):
			b.addf(where, "an entrypoint must be a row of the table: move it into Entrypoints struct{ … }")
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			b.fields(h, v.Field(i), at)
		case (f.Anonymous || f.Type.Name() == "") && injects(f.Type):
			b.addf(where, "only fields of the service itself, or of a struct that it embeds by value, can be injected: move them there")
		default:
			b.add(where, b.oversight(f, v.Field(i)))
		}
		if lock, path := findLock(f.Type, f.Name); top && lock != nil {
			b.addf(where, "contains %s by value (%s), but each call gets a copy of the service: use a pointer, or inject it", lock, path)
		}
	}
}

// inject sets the field at index, or arranges for each call to set it.
func (b *binder) inject(h *hosted, sf reflect.StructField, index []int) {
	where := h.label() + ": " + sf.Name
	tag, err := ParseTag(string(sf.Tag))
	switch {
	case err != nil:
	case sf.Name == "_":
		err = errors.New("a blank field cannot be injected: give it a name")
	case !sf.IsExported():
		err = unexported(sf.Name)
	case implements(sf.Type, entrypointType), implements(sf.Type, dependencyType), marker(sf.Type) != nil:
		err = fmt.Errorf("%s is an extension: remove inject from the tag", sf.Type)
	default:
		err = errors.Join(tag.Keys(inject.Tag), h.target.Bind(&h.plan, h.proto, index))
	}
	b.add(where, err)
}

// dependency sets dst to the value that its extension returns.
func (b *binder) dependency(h *hosted, sf reflect.StructField, dst reflect.Value) {
	where := h.label() + ": " + sf.Name
	maker, text := sf.Type, sf.Tag
	if m := marker(sf.Type); m != nil {
		if sf.Tag != "" {
			b.addf(where, "has a tag, but that of the field _ %s in %s counts: remove this one", m.Type, sf.Type)
			return
		}
		maker, text = m.Type, m.Tag
	}
	tag, err := ParseTag(string(text))
	if err != nil {
		b.add(where, err)
		return
	}
	if !sf.IsExported() {
		b.add(where, unexported(sf.Name))
		return
	}
	tag.common = fieldKeys
	field := &Field{
		Host:    b.container.host,
		Service: h.name,
		Name:    sf.Name,
		Type:    sf.Type,
		Tag:     tag,
		hosted:  h,
		maker:   maker,
		value:   dst,
		logger:  b.logger(h, sf.Name),
	}
	b.container.binding = h.name
	value, err := instance(maker).(DependencyType).Dependency(field)
	b.container.binding = ""
	if err != nil {
		b.add(where, err)
		return
	}
	v := reflect.ValueOf(value)
	switch {
	case v.IsValid() && v.Type().AssignableTo(sf.Type):
		dst.Set(v)
		b.container.fields = append(b.container.fields, field)
	case v.IsValid() && reflect.PointerTo(v.Type()) == sf.Type:
		b.add(where, byPointer(sf.Type))
	default:
		b.addf(where, "must be %s, but the method Dependency returned %T: this is a mistake in %s", sf.Type, value, maker)
	}
}

// row binds a row of the table.
func (b *binder) row(h *hosted, sf reflect.StructField) {
	where := h.label() + ": " + sf.Name
	switch {
	case sf.Type.Kind() == reflect.Pointer && implements(sf.Type.Elem(), entrypointType):
		b.add(where, byPointer(sf.Type))
		return
	case implements(sf.Type, entrypointType):
	case implements(sf.Type, dependencyType), marker(sf.Type) != nil:
		b.addf(where, "%s is a dependency, not an entrypoint: move it out of Entrypoints", sf.Type)
		return
	default:
		b.addf(where, "%s is not an entrypoint: use a type such as rpc.Method", sf.Type)
		return
	}
	if !sf.IsExported() {
		b.addf(where, "must be exported, like the method that it calls: rename both to %s", exported(sf.Name))
		return
	}
	tag, err := ParseTag(string(sf.Tag))
	method, named := tag.lookup("method")
	_, injected := tag.lookup(inject.Tag)
	switch {
	case err != nil:
	case injected:
		err = errors.New("an entrypoint cannot be injected: remove inject from the tag")
	case named && method == "":
		err = errors.New("method: must not be empty: remove it, or name a method")
	}
	if err != nil {
		b.add(where, err)
		return
	}
	tag.common = rowKeys
	r := &Row{
		Host:      b.container.host,
		Service:   h.name,
		Name:      sf.Name,
		Method:    cmp.Or(method, sf.Name),
		Type:      sf.Type,
		Tag:       tag,
		container: b.container,
		hosted:    h,
		kind:      kind(sf.Type),
		logger:    b.logger(h, sf.Name),
		workers:   []*semaphore{h.workers},
	}
	b.add(where, r.readOptions())
	b.entrypoint(r, where)
}

// entrypoint makes the entrypoint of a row, which binds the row's method with [Row.Bind].
func (b *binder) entrypoint(r *Row, where string) {
	only := b.container.cfg.Only
	started := only == nil || slices.Contains(only, r.path())
	if !started {
		r.Host = b.unstarted
	}
	b.container.binding = r.Service
	e, err := instance(r.Type).(EntrypointType).Entrypoint(r)
	b.container.binding = ""
	switch {
	case err != nil:
		b.add(where, err)
		return
	case e == nil:
		b.addf(where, "the method Entrypoint returned nil: this is a mistake in %s", r.Type)
		return
	case r.method == nil:
		b.addf(where, "the method Entrypoint did not call Row.Bind: this is a mistake in %s", r.Type)
		return
	}
	b.add(where, r.checkGrants())
	if list, ok := r.Tag.lookup("sensitive"); ok {
		b.add(where, r.method.hide(list))
	}
	b.add(where, r.checkIsolation())
	if started {
		b.container.addEntrypoint(&managed{value: e, owner: where})
	}
	b.container.rows = append(b.container.rows, r)
	if len(b.mistakes) == 0 {
		r.run = r.chain(b.middleware)
		for _, f := range r.followers {
			f.run = f.chain(b.middleware)
		}
	}
}

func (b *binder) logger(h *hosted, field string) *slog.Logger {
	return b.container.logger.With("service", h.name, "field", field)
}

// add adds err as a mistake, unless it is nil, with the prefix where unless that is "". Errors
// joined by errors.Join are added one by one.
func (b *binder) add(where string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if all := joined.Unwrap(); errors.Join(all...).Error() == err.Error() {
			for _, e := range all {
				b.add(where, e)
			}
			return
		}
	}
	if where != "" {
		err = fmt.Errorf("%s: %w", where, err)
	}
	b.mistakes = append(b.mistakes, err)
}

func (b *binder) addf(where, format string, args ...any) {
	b.add(where, fmt.Errorf(format, args...))
}

// byPointer returns the error for a pointer field that must hold its value directly.
func byPointer(t reflect.Type) error {
	return fmt.Errorf("must be %s, not %s: remove the *", t.Elem(), t)
}

// unexported returns the error for a field that cannot be set because it is unexported.
func unexported(name string) error {
	return fmt.Errorf("must be exported, so that it can be set: rename it to %s", exported(name))
}

// implements reports whether t, or a pointer to it, is an extension.
func implements(t, extension reflect.Type) bool {
	return t.Kind() != reflect.Interface && (t.Implements(extension) || reflect.PointerTo(t).Implements(extension))
}

// marker returns the blank field of a struct whose type gives the struct its value, nil if there is
// none.
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

// kind returns the [Row.Kind] of rows of type t.
func kind(t reflect.Type) string {
	if k, ok := instance(t).(interface{ Kind() string }); ok {
		return k.Kind()
	}
	return owner(t)
}

// instance returns a value to call the extension's method on.
func instance(t reflect.Type) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return reflect.New(t).Interface()
}
