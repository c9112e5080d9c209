package service

// Name marks a struct as a service and gives it its name on the wire, in the tag of a blank field:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//		…
//	}
//
// The name is what stands before the method in orders.get_order. It may contain dots itself.
type Name struct{}
