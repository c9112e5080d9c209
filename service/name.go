package service

// Name makes a struct a service. The tag of the blank field is the service's name on the wire:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//		…
//	}
//
// It is the first part of orders.get_order, and may contain dots.
type Name struct{}
