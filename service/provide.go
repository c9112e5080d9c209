package service

import (
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/inject"
)

// Provide makes proto, a pointer to a service's struct, a service of an fx application:
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)), fx.Provide(openDB))
//
// Its fields with the key inject are given what the application provides, by [New], which also reports what is wrong.
// A field that holds a value already keeps it.
func Provide(proto any) fx.Option { return inject.Fill(proto) }
