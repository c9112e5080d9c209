package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/nearest"
)

// A Section is a key under gomeko whose contents another package describes with a struct, which is
// passed to [Load] or [Parse]:
//
//	var routes web.Config
//	cfg, err := config.Load("config.yaml", config.Section{Key: "web", Into: &routes})
//
// The struct's fields work as in [Provide]. Mistakes in the section are reported together with
// those of the other keys. The keys of a section that is not passed are not checked.
//
// A field's tag may restrict its key: config:"positive" refuses whole numbers below 1, "nonempty"
// refuses empty text and empty lists, "none" makes the word none a negative duration and refuses 0,
// and "inverted" stores the opposite of a bool.
//
// If the struct has a method Validate() error, it is called once the keys have been read. Each of
// the errors that it joins is reported at the section's line.
type Section struct {
	Key  string // such as web
	Into any    // a pointer to the struct, which holds the defaults
}

// Provide provides an fx application with the value of one of your keys, as a T:
//
//	type Settings struct {
//		Database string        `yaml:"database"`
//		Timeout  time.Duration `yaml:"timeout"`
//	}
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		config.Provide("orders", Settings{Database: "orders.db", Timeout: 5 * time.Second}),
//		fx.Provide(NewStore), // func(Settings) *Store
//	)
//
// A key that is null or not in the file has its value in defaults. Without a *Config in the
// application, as in tests, all keys have their defaults. The key of a field is the name in its
// yaml tag (see go.yaml.in/yaml), or the field's name in lower case.
//
// A key without a field in T is a mistake, and so is a value that does not fit its field. The
// mistakes of all provided keys are reported at once, each with its line, before any constructor
// runs. Durations are written "30s" or as a number of seconds. Text that looks like a number is
// accepted as text. Tags and a method Validate may restrict the values: see [Section].
//
// The key of a field with the tag required:"true" must be in the file. Without a *Config in the
// application, nothing is required.
//
// T need not be a struct. For a key that is text or a number, use a named type, which constructors
// ask for:
//
//	type RedisURI string
//
//	config.Provide("REDIS_URI", RedisURI("redis://localhost"))
//	fx.Provide(func(uri RedisURI) *redis.Client { … })
//
// If a provided key is not in the file but a similar key is, that is a warning.
func Provide[T any](key string, defaults T) fx.Option { return provide(key, defaults, false) }

// Require is like [Provide], for a key that must be in the file. Without a *Config in the
// application, the value is the zero value of T.
func Require[T any](key string) fx.Option {
	var zero T
	return provide(key, zero, true)
}

func provide[T any](key string, defaults T, required bool) fx.Option {
	read := func(c *Config) (T, error) {
		v := defaults
		return v, c.read(key, &v, required)
	}
	return fx.Options(
		fx.Provide(func(in source) (T, error) { return read(in.Config) }),
		fx.Supply(fx.Annotated{Group: sections, Target: provided{key, func(c *Config) error {
			_, err := read(c)
			return err
		}}}),
	)
}

// Module supplies c to an fx application: to constructors that take a *Config, and to [Provide].
func (c *Config) Module() fx.Option {
	return fx.Module("configuration", fx.Supply(c), fx.Invoke(fx.Annotate(c.check, fx.ParamTags(`group:"`+sections+`"`))))
}

// A provided is a key of [Provide].
type provided struct {
	key      string
	mistakes func(*Config) error
}

// sections is the fx group of the keys of Provide.
const sections = "github.com/gomeko/gomeko/config"

// A source has the parameters of the constructor in Provide.
type source struct {
	fx.In

	Config *Config `optional:"true"`
}

// check returns the mistakes of all provided keys, and warns about keys that resemble them. fx
// passes sections in no particular order.
func (c *Config) check(sections []provided) error {
	c.warnNear(sections)
	slices.SortFunc(sections, func(a, b provided) int { return strings.Compare(a.key, b.key) })
	var mistakes []error
	for _, s := range sections {
		mistakes = append(mistakes, s.mistakes(c))
	}
	return errors.Join(mistakes...)
}

// warnNear warns about each key of the file that nothing reads, if it resembles a provided key that
// is not in the file.
func (c *Config) warnNear(sections []provided) {
	if c.root == nil {
		return
	}
	known := names(namekoKeys())
	var absent []string
	for _, s := range sections {
		known = append(known, s.key)
		if _, ok := c.Values[s.key]; !ok && !slices.Contains(absent, s.key) {
			absent = append(absent, s.key)
		}
	}
	for k := range pairs(c.root) {
		near, edits := nearest.Name(k.Value, absent)
		if slices.Contains(known, k.Value) || near == "" || edits > 2 || len(k.Value) <= 4 {
			continue
		}
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s%s: unknown key, and %s is missing: did you mean %[3]s?", position(c.at, k.Line), k.Value, near))
	}
}

// read decodes the value of a key, if the file has it, into what v points to.
func (c *Config) read(key string, v any, required bool) error {
	if c == nil || c.root == nil {
		return nil
	}
	d := decoder{at: c.at}
	into, found := reflect.ValueOf(v).Elem(), false
	for k, value := range pairs(c.root) {
		if k.Value == key && target(value).Tag != "!!null" {
			found = true
			d.value(place{key, k.Line}, value, into)
		}
	}
	switch {
	case found:
	case required:
		d.mistake(place{name: key}, errMissing)
	case into.Kind() == reflect.Struct && !decodesItself(into):
		d.missing(place{name: key}, fields(into), nil)
	}
	return errors.Join(d.mistakes...)
}
