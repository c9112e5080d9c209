package service

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"go.uber.org/fx"
)

// Configure configures an extension: its [Lookup] of a T returns value.
//
//	c, err := service.New(service.Config{}, new(Orders),
//		service.Configure(transport.Config{URI: "amqp://localhost"}),
//		service.Configure(rpc.Config{Timeout: 5 * time.Second}),
//	)
//
// Without a value, Lookup returns the T that the fx application provides. So an extension brings a
// module that reads a key of the configuration file:
//
//	var Module = fx.Options(
//		config.Provide("mail", Config{Relay: "localhost:25"}),
//		service.Configure[Config](),
//	)
//
// Values that are a [Middleware] wrap the calls of all services, the first one outermost.
//
// [New] reports a value that no extension looks up, and a type with two values if an extension
// looks for one. It also reports a value that the application provides and that an extension would
// look up if Configure were called for it. If an extension wraps Configure in another option, its
// values have the method Option() string, and the report names what that returns.
func Configure[T any](value ...T) fx.Option {
	t := reflect.TypeFor[T]()
	if t == reflect.TypeFor[func(Runner) Runner]() {
		t = middlewareType
	}
	if len(value) == 0 {
		return fx.Invoke(func(c *configuration, v T) {
			c.change(t, func(s *setting) { s.values, s.provided = append(s.values, named(v)), true })
		})
	}
	return fx.Invoke(func(c *configuration) {
		c.change(t, func(s *setting) {
			for _, v := range value {
				s.values = append(s.values, named(v))
			}
		})
	})
}

// named returns a middleware with its type's name, and any other value unchanged.
func named(v any) any {
	if fn, ok := v.(func(Runner) Runner); ok {
		return Middleware(fn)
	}
	return v
}

// Defaults configures extensions where [Configure] does not: Lookup returns the one of values that
// has its type. It is for programs that host services without knowing them, such as package runner,
// so it is not a mistake if no extension looks for a value. Of several defaults of a type, the
// first counts.
func Defaults(values ...any) fx.Option {
	return fx.Invoke(func(c *configuration) {
		for _, v := range values {
			c.change(reflect.TypeOf(v), func(s *setting) { s.defaults = append(s.defaults, v) })
		}
	})
}

// Complete has fn complete the T that is configured, or the zero value if none is, before
// extensions look it up. It is for programs that host services without knowing them, such as
// package servicetest, which serves routes in memory unless the test has a web.Config with a
// Listen. fn counts as an extension that looks the value up.
func Complete[T any](fn func(T) T) fx.Option {
	complete := func(v any) any {
		t, _ := v.(T)
		return fn(t)
	}
	return fx.Invoke(func(c *configuration) {
		c.change(reflect.TypeFor[T](), func(s *setting) { s.complete, s.read = append(s.complete, complete), true })
	})
}

// Lookup returns the configuration value of type T, and whether there is one. Entrypoint,
// Dependency and the functions given to [Shared] call it; a value that nothing has looked up when
// [New] returns is a mistake.
func Lookup[T any](h *Host) (T, bool) {
	values := h.container.configuration.lookup(reflect.TypeFor[T](), false)
	if len(values) == 0 {
		var none T
		return none, false
	}
	v, _ := values[0].(T)
	return v, true
}

// LookupAll returns every configuration value of type T, for types whose values add up.
func LookupAll[T any](h *Host) []T {
	var all []T
	for _, v := range h.container.configuration.lookup(reflect.TypeFor[T](), true) {
		t, _ := v.(T)
		all = append(all, t)
	}
	return all
}

// LookupImplementing returns the configuration value whose type implements the interface T, and
// whether there is one. It is for extensions that must not import the package of that type.
func LookupImplementing[T any](h *Host) (T, bool) {
	c := &h.container.configuration
	for _, t := range c.implementing(reflect.TypeFor[T]()) {
		for _, v := range c.lookup(t, false) {
			if found, ok := v.(T); ok {
				return found, true
			}
		}
	}
	var none T
	return none, false
}

// A configuration has the values that extensions look up. The options above find it in the graph of
// the fx application.
type configuration struct {
	mu sync.Mutex

	types    []reflect.Type // of settings, in order
	settings map[reflect.Type]*setting
	checked  []checkedValue // of CheckHealth
}

// A setting is what a configuration has of one type.
type setting struct {
	values   []any
	provided bool // by the application: Configure was called without a value
	defaults []any
	complete []func(any) any
	read     bool // by an extension, or a host that completes it
	readOne  bool // by Lookup
}

// option returns the name of the extension's own option that configured the values, "" if it was
// Configure. Such values have the method Option() string.
func (s *setting) option() string {
	if v, ok := s.values[0].(interface{ Option() string }); ok {
		return v.Option()
	}
	return ""
}

// change changes the setting of a type.
func (c *configuration) change(t reflect.Type, change func(*setting)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.settings[t]
	if s == nil {
		if c.settings == nil {
			c.settings = make(map[reflect.Type]*setting)
		}
		s = new(setting)
		c.types, c.settings[t] = append(c.types, t), s
	}
	change(s)
}

// implementing returns the types of the settings that implement an interface.
func (c *configuration) implementing(t reflect.Type) (types []reflect.Type) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, each := range c.types {
		if each.Implements(t) {
			types = append(types, each)
		}
	}
	return types
}

// lookup returns the values of a type: all that are configured, or else the first default.
func (c *configuration) lookup(t reflect.Type, all bool) (values []any) {
	c.change(t, func(s *setting) {
		s.read, s.readOne = true, s.readOne || !all
		values = slices.Clone(s.values)
		if len(values) == 0 && len(s.defaults) > 0 {
			values = slices.Clone(s.defaults[:1])
		}
		if len(values) == 0 && len(s.complete) > 0 {
			values = []any{nil}
		}
		for i := range values {
			for _, complete := range s.complete {
				values[i] = complete(values[i])
			}
		}
	})
	return values
}

// mistakes returns what is wrong with the values, once all extensions have looked theirs up.
// provider returns the name of what provides a type in the application, "" if nothing does.
func (c *configuration) mistakes(provider func(reflect.Type) string) (mistakes []error) {
	add := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("service.Configure: "+format, args...))
	}
	read := func(t reflect.Type) bool { return c.settings[t] != nil && c.settings[t].read }
	for _, t := range c.types {
		switch s := c.settings[t]; {
		case len(s.values) == 0:
		case s.readOne && len(s.values) > 1:
			add("%s is configured twice: keep one", t)
		case s.read:
		case t.Kind() == reflect.Pointer && read(t.Elem()) && s.provided:
			add("%s is asked for as %s: write service.Configure[%[1]s]()", t.Elem(), t)
		case t.Kind() == reflect.Pointer && read(t.Elem()):
			add("%s is given as %s: remove the &", t.Elem(), t)
		case read(reflect.PointerTo(t)):
			add("%s is given as %s: pass a pointer", reflect.PointerTo(t), t)
		case s.option() != "":
			mistakes = append(mistakes, fmt.Errorf("%s is not read by any extension of the services: remove it", s.option()))
		case !s.provided: // a module that is not needed brings one
			add("%s is not read by any extension of the services: remove it", t)
		}
	}
	return append(mistakes, c.unread(provider)...)
}

// unread returns the mistakes of values that the application provides and that would have an effect
// if Configure were called for them.
func (c *configuration) unread(provider func(reflect.Type) string) (mistakes []error) {
	add := func(by string, t reflect.Type, remedy string) {
		mistakes = append(mistakes, fmt.Errorf("application: %s provides %s, which has no effect there: %s", by, t, remedy))
	}
	for _, t := range c.types {
		s := c.settings[t]
		if !s.read || s.provided {
			continue
		}
		remedy := fmt.Sprintf("add service.Configure[%s]() to the module", t)
		if by := provider(t); by != "" {
			add(by, t, remedy)
		} else if p := reflect.PointerTo(t); c.settings[p] != nil && len(c.settings[p].values) > 0 {
			continue // reported above
		} else if by := provider(p); by != "" {
			add(by, p, "provide it without the *, and "+remedy)
		}
	}
	if t := reflect.TypeFor[Config](); provider(t) != "" {
		add(provider(t), t, "pass it to service.New; a program with package runner has these as keys of its configuration file, "+
			"and Middleware is passed to service.Configure")
	}
	return mistakes
}
