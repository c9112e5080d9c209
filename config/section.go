package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"go.uber.org/fx"
)

// Provide gives an fx application the value of a key of the user's own, as a T:
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
// What the file leaves out, or has as null, is what it is in defaults; without a *Config in the application, as in tests,
// all of it is. Names are those that the tags say, as go.yaml.in/yaml has them, or the fields' in lower case.
//
// A key that T has no field for is a mistake, and so is a value that does not fit. The mistakes of all keys that are
// provided come out at once, each with its line, before anything is made of them. Durations are written "30s" or
// as a number of seconds; text that looks like a number is text where T wants text.
func Provide[T any](key string, defaults T) fx.Option {
	read := func(c *Config) (T, error) {
		v := defaults
		return v, c.read(key, &v)
	}
	return fx.Options(
		fx.Provide(func(in source) (T, error) { return read(in.Config) }),
		fx.Supply(fx.Annotated{Group: sections, Target: section{key, func(c *Config) error {
			_, err := read(c)
			return err
		}}}),
	)
}

// Module puts c into an fx application, for constructors that ask for a *Config and for what [Provide] provides.
func (c *Config) Module() fx.Option {
	return fx.Module("configuration", fx.Supply(c), fx.Invoke(fx.Annotate(c.check, fx.ParamTags(`group:"`+sections+`"`))))
}

// A section is one key that is provided.
type section struct {
	key      string
	mistakes func(*Config) error
}

// sections is the group of the sections of an application.
const sections = "github.com/gomeko/gomeko/config"

// A source is what a constructor of Provide asks for.
type source struct {
	fx.In

	Config *Config `optional:"true"`
}

// check returns the mistakes of all sections. It is given them in no order.
func (c *Config) check(sections []section) error {
	slices.SortFunc(sections, func(a, b section) int { return strings.Compare(a.key, b.key) })
	var mistakes []error
	for _, s := range sections {
		mistakes = append(mistakes, s.mistakes(c))
	}
	return errors.Join(mistakes...)
}

// read puts the value of a key, if there is one, into what v points to.
func (c *Config) read(key string, v any) error {
	if c == nil || c.root == nil {
		return nil
	}
	d := decoder{at: c.at}
	for k, value := range pairs(c.root) {
		if k.Value == key {
			d.value(key, value, reflect.ValueOf(v).Elem())
		}
	}
	return errors.Join(d.mistakes...)
}
