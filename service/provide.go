package service

import (
	"reflect"
	"slices"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
)

// Provide makes proto, a pointer to a service's struct, a service of an fx application:
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)), fx.Provide(openDB))
//
// Its fields with the key inject are given what the application provides, by [New], which also reports what is wrong.
// A field that holds a value already keeps it.
func Provide(proto any) fx.Option { return di.Fill(proto) }

// Without leaves services out of an fx application, by the full names of their types, as in
// "example.org/shop.Orders". It is for the generated program of "gomeko run PKG:Service", and stands outside of modules.
func Without(types ...string) fx.Option {
	return fx.Invoke(func(app *di.App) {
		app.Targets = slices.DeleteFunc(app.Targets, func(t *di.Target) bool {
			v := reflect.Indirect(reflect.ValueOf(t.Ptr))
			return v.IsValid() && slices.Contains(types, v.Type().PkgPath()+"."+v.Type().Name())
		})
	})
}
