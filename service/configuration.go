package service

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"go.uber.org/fx"
)

// Configure supplies configuration values of type T to extensions, which read them with [Lookup]:
//
//	c, err := service.New(service.Config{}, new(Orders),
//		service.Configure(transport.Config{URI: "amqp://localhost"}),
//		service.Configure(rpc.Config{Timeout: 5 * time.Second}),
//	)
//
// Without arguments, Configure supplies the T that the fx application provides. An extension can
// bring a module that reads a key of the configuration file this way:
//
//	var Module = fx.Options(
//		config.Provide("mail", Config{Relay: "localhost:25"}),
//		service.Configure[Config](),
//	)
//
// Values of type [Middleware] wrap the calls of all services; the first is the outermost.
//
// [New] reports a value that no extension looks up, and two values of a type of which an extension
// looks up only one. It also reports a value that the application provides without a call of
// Configure although an extension looks up its type. If an extension wraps Configure in an option
// of its own, its values have a method Option() string, and the report uses the name that the
// method returns.
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

// named converts a func(Runner) Runner to a Middleware, and returns any other value unchanged.
func named(v any) any {
	if fn, ok := v.(func(Runner) Runner); ok {
		return Middleware(fn)
	}
	return v
}

// Defaults supplies configuration values for types that [Configure] supplies none of. It is for
// programs that host services without knowing them, such as package runner, so a value that no
// extension looks up is not a mistake. Of several defaults of one type, the first counts.
func Defaults(values ...any) fx.Option {
	return fx.Invoke(func(c *configuration) {
		for _, v := range values {
			c.change(reflect.TypeOf(v), func(s *setting) { s.defaults = append(s.defaults, v) })
		}
	})
}

// Complete passes the configured T, or the zero value if there is none, through fn before
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

// A configuration holds the values that extensions look up. The options above get it from the fx
// application.
type configuration struct {
	mu sync.Mutex

	types    []reflect.Type // of settings, in order
	settings map[reflect.Type]*setting
	checked  []checkedValue // of CheckHealth
}

// A setting holds the values of one type.
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

// mistakes returns what is wrong with the values. It is called once all extensions have looked
// theirs up. provider returns the name of the constructor that provides a type in the application,
// or "".
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

// unread returns the mistakes about values that the application provides without a call of
// Configure although extensions look up their types.
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
