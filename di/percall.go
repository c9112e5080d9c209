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

// PerCall makes the fields of type T in each call what the [Provider] of T makes for it. constructor returns
// Provider[T] or (Provider[T], error); it is called once, and its parameters come from fx as those of fx.Provide do. It may
// be wrapped in fx.Annotated{Name: "backup", Target: constructor}, for fields that ask by that name.
//
// In fx's graph stands the Provider[T] itself: a test replaces it by fx.Replace(di.Provider[Store](fake)).
// What is wrong with constructor is an error of the application.
func PerCall(constructor any) fx.Option {
	target, name := constructor, ""
	if a, ok := constructor.(fx.Annotated); ok {
		target, name = a.Target, a.Name
		if a.Group != "" {
			return fx.Error(fmt.Errorf("di.PerCall: %s is in the group %s: leave Group out, a field has one value", typeName(target), a.Group))
		}
	}
	t, err := provided(target)
	if err != nil {
		return fx.Error(fmt.Errorf("di.PerCall: %w", err))
	}
	entry := reflect.Zero(t).Interface().(entrant).entry()
	if name != "" {
		tag := "name:" + strconv.Quote(name)
		entry = fx.Annotate(entry, fx.ParamTags(tag), fx.ResultTags(tag))
	}
	return fx.Provide(constructor, entry)
}

// provided returns the type Provider[T] that constructor returns.
func provided(constructor any) (reflect.Type, error) {
	t := reflect.TypeOf(constructor)
	if t == nil || t.Kind() != reflect.Func {
		return nil, fmt.Errorf("%s is no constructor: write a func(…) di.Provider[T], or fx.Annotated with one", typeName(constructor))
	}
	if t.Implements(entrantType) {
		return nil, fmt.Errorf("%s is the provider itself: give the function that returns it", typeName(constructor))
	}
	switch {
	case t.NumOut() == 0:
		return nil, fmt.Errorf("%s returns nothing: let it return di.Provider[T] or (di.Provider[T], error)", t)
	case !t.Out(0).Implements(entrantType):
		return nil, fmt.Errorf("%s returns no di.Provider: let it return di.Provider[%s]", t, t.Out(0))
	case t.NumOut() > 2, t.NumOut() == 2 && t.Out(1) != errorType:
		return nil, errors.New(inject.Short(t.String()) + " returns more than a provider and an error: give PerCall one constructor for each")
	}
	return t.Out(0), nil
}

func typeName(v any) string { return inject.Short(fmt.Sprintf("%T", v)) }
