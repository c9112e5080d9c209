package service

import "go.uber.org/fx"

// Provide makes proto, a pointer to a service's struct, a service of an fx application:
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)))
//
// What is wrong with the service is reported by [New], together with the mistakes of all others.
func Provide(proto any) fx.Option {
	return fx.Provide(fx.Annotate(
		func() any { return proto },
		fx.ResultTags(`group:"gomeko.services"`),
	))
}

// Provided is what [Provide] has collected, in no order (fx keeps none in a group); a runner takes it as a parameter.
type Provided struct {
	fx.In

	Services []any `group:"gomeko.services"`
}
