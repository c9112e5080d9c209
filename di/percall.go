package di

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

var (
	entrantType = reflect.TypeFor[entrant]()
	errorType   = reflect.TypeFor[error]()
)

// PerCall returns an fx option that gives each call its own value in the fields of type T, made by
// a [Provider] of T. constructor returns Provider[T] or (Provider[T], error). Like a constructor of
// fx.Provide, it is called once, and fx provides its parameters. Pass fx.Annotated{Name: "backup",
// Target: constructor} to set the fields that ask for that name.
//
// A field of type [Lazy] of T gets the value when the call first uses it.
//
// The application also provides the Provider[T] itself, so that a test can replace it with
// fx.Replace(di.Provider[Store](fake)). A mistake in constructor is an error of the application.
func PerCall(constructor any) fx.Option {
	target, name := constructor, ""
	if a, ok := constructor.(fx.Annotated); ok {
		target, name = a.Target, a.Name
		if a.Group != "" {
			return fx.Error(fmt.Errorf("di.PerCall: %s has the Group %s: remove it, because a field holds one value", typeName(target), a.Group))
		}
	}
	t, err := provided(target)
	if err != nil {
		return fx.Error(fmt.Errorf("di.PerCall: %w", err))
	}
	p := reflect.Zero(t).Interface().(entrant)
	entry, lazy := p.entry(), p.lazyEntry()
	if name != "" {
		tag := "name:" + strconv.Quote(name)
		entry = fx.Annotate(entry, fx.ParamTags(tag), fx.ResultTags(tag))
		lazy = fx.Annotate(lazy, fx.ParamTags(tag), fx.ResultTags(tag))
	}
	return fx.Provide(constructor, entry, lazy)
}

// provided returns the type Provider[T] that constructor returns.
func provided(constructor any) (reflect.Type, error) {
	t := reflect.TypeOf(constructor)
	if t == nil || t.Kind() != reflect.Func {
		return nil, fmt.Errorf("%s is not a constructor: pass a func(…) di.Provider[T], or an fx.Annotated with one", typeName(constructor))
	}
	if t.Implements(entrantType) {
		return nil, fmt.Errorf("%s is a provider: pass a function that returns it", typeName(constructor))
	}
	switch {
	case t.NumOut() == 0:
		return nil, fmt.Errorf("%s returns nothing: return di.Provider[T] or (di.Provider[T], error)", t)
	case !t.Out(0).Implements(entrantType):
		return nil, fmt.Errorf("%s does not return a di.Provider: return di.Provider[%s]", t, t.Out(0))
	case t.NumOut() > 2, t.NumOut() == 2 && t.Out(1) != errorType:
		return nil, errors.New(inject.Short(t.String()) + " returns more than a provider and an error: pass one constructor for each to PerCall")
	}
	return t.Out(0), nil
}

func typeName(v any) string { return inject.Short(fmt.Sprintf("%T", v)) }
