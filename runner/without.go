package runner

import (
	"reflect"
	"slices"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

// Without removes services from a program's modules, by the full names of their types, as in
// "example.org/shop.Orders". Pass it next to the modules, not inside one. A name that no module
// provides has no effect. The program that "gomeko run PKG:Service" generates uses it.
func Without(types ...string) fx.Option {
	return fx.Invoke(func(app *inject.App) {
		all := len(app.Targets)
		app.Targets = slices.DeleteFunc(app.Targets, func(t *inject.Target) bool {
			v := reflect.Indirect(reflect.ValueOf(t.Ptr))
			return v.IsValid() && slices.Contains(types, v.Type().PkgPath()+"."+v.Type().Name())
		})
		app.Partial = app.Partial || len(app.Targets) < all
	})
}
