// Package rpc calls methods of services and serves such calls, in the words of Nameko: neither side can tell a Go
// service from a Python one.
//
// A request goes to a queue that all processes hosting the service share, so each is taken by one of them, and waits
// while there is none. The reply comes back on a queue of the caller's own. What goes wrong on the way is
// an error at the caller: nobody waits for ever.
//
// # Methods
//
// A [Method] is a row of a service's entrypoint table. The tag is the signature that callers see, as
// Python would write it; the row's name is the method's.
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder rpc.Method `rpc:"get_order(order_id, verbose=False)"`
//		}
//	}
//
//	func (o *Orders) GetOrder(ctx context.Context, id int, verbose bool) (*Order, error)
//
// A request is acknowledged after its reply was sent: if the process dies before that, the broker gives the request
// to another one, and the method runs again with [service.Call].Redelivered set. What cannot be read, or
// does not fit the signature, is answered with an error and not run.
//
// # Clients
//
// A [Client] calls another service. As a field it is given to the service, and what it sends carries
// the id and the context data of the call that it is used in:
//
//	type Shop struct {
//		_ service.Name `service:"shop"`
//
//		Orders rpc.Client `rpc:"orders"`
//	}
//
//	var order Order
//	err := s.Orders.Call(ctx, "get_order", &order, 7, rpc.Kwargs{"verbose", true})
//
// A program that is no service gets its clients from a [Conn]:
//
//	conn, err := rpc.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost"}, rpc.Config{})
//	err = conn.Client("orders").Call(ctx, "get_order", &order, 7)
//
// # Time
//
// A call ends at ctx's deadline, else after [Config].Timeout. The request carries what is left of it: the broker
// drops it when nobody took it in time, and a method of this package runs no longer than that.
//
// # Errors
//
// An [Error] is Nameko's serialized exception. A service names those that its callers should know, and both sides
// test for them:
//
//	var ErrNotFound = rpc.NewError("orders.exceptions.NotFound", "order not found")
//
//	return nil, fmt.Errorf("order %d: %w", id, ErrNotFound)
//
//	errors.Is(err, ErrNotFound) // at the caller too
//
// Any other error of a method is a fault: its text goes to the caller as an Exception, the rest into the log.
package rpc
