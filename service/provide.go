package service

import "go.uber.org/fx"

// Provide makes proto, a pointer to a service's struct, a service of an fx application:
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)))
func Provide(proto any) fx.Option { panic("sketch") }

// Provided is what [Provide] has collected; a runner takes it as a parameter.
type Provided struct {
	fx.In

	Services []any `group:"gomeko.services"`
}
