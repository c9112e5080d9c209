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
// does not fit the signature, is answered with an error and not run. A row with ack:"before" is acknowledged
// before its method runs instead: at most once, and a call whose process died is lost.
//
// A process takes on as many requests as the service has workers. While some of them wait, for calls of their own or because
// their row has reached its max_workers, it takes on as many more from further consumers of the queue, up to
// [service.Config].MaxLent: the calls that they wait for may be behind them. A process that stops
// takes on no more, except while a call that it still runs waits for another one of its own services.
//
// # Values
//
// What Go's types are to Python, and Python's to Go, is in package transport, under Values. A request is JSON unless
// [transport.Config].Codec, or for one call the option [Codec], says otherwise. A service reads JSON and msgpack, compressed or not,
// and answers in what it was asked in.
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
// A program that hosts no services gets its clients from a [Caller]:
//
//	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@localhost"})
//	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
//	err = caller.Client("orders").Call(ctx, "get_order", &order, 7)
//
// # Typed clients
//
// A typed client is a struct of funcs with a blank field, which names the service. The tag of each func names the
// method that it calls:
//
//	// Orders is a client of the orders service.
//	type Orders struct {
//		_ rpc.Client `rpc:"orders"`
//
//		Get    func(ctx context.Context, id int, verbose bool) (Order, error) `rpc:"get_order(order_id, *, verbose=False)"`
//		Create func(ctx context.Context, args CreateArgs) (Order, error)      `rpc:"create_order"`
//		Forget func(ctx context.Context, id int) error                        `rpc:"forget_order"`
//	}
//
// A list in the tag sends arguments by position up to the *, those after it by name; *rest takes a slice, or what is
// variadic, **opts a map. All that is listed is sent: its defaults are the method's business. Without a list, one struct
// that encoding/json goes through by its fields is sent as keywords, named as json names them and left out as omitempty
// says; anything else by position.
//
// As a field of a service a typed client is filled at the start, when all mistakes in it are told; [Bind] makes
// one for a program that is no service. It needs no mock: a test writes a struct literal with the funcs that it wants
// called, and calling one that was left out panics, as calling a nil func does. A service that is hosted keeps the funcs
// that its literal has.
//
//	shop := &Shop{Orders: Orders{Get: func(context.Context, int, bool) (Order, error) { return tea, nil }}}
//
// # Context data
//
// Values that ctx carries by a [service.Key] are sent with every call, as the AMQP header nameko.<key>
// (see docs/wire/nameko.md, Context data). A service sends on what its own call received; a program
// that is not a service sets them:
//
//	err := client.Call(service.Language.With(ctx, "en"), "get_order", &order, 7)
//
// # Calls at once
//
// [Client.Go] makes a call and returns a [Reply], to be read later or never. [Parallel] makes many calls, by the func of a
// typed client as it is, and yields their results in order:
//
//	r := s.Orders.Go(ctx, "get_order", 7)
//	err := r.Result(ctx, &order)
//
//	for order, err := range rpc.Parallel(ctx, 10, ids, orders.Get) {
//
// # Options
//
// [With] changes the calls that are made with a ctx, by typed clients too. What is called knows nothing of it:
//
//	ctx = rpc.With(ctx, rpc.Timeout(time.Hour), rpc.Priority(1))
//
// # Time
//
// No call waits for ever: it ends at ctx's deadline, else after [Config].Timeout. The request carries what is left of it: the
// broker drops it when nobody took it in time, and a method of this package runs no longer than that. A request by Go
// carries a limit only if somebody has set one, for its work may outlive the caller.
//
// A call whose ctx ends is cancelled where it runs, as well as that goes: the method's ctx ends too, in whatever process
// of this package it is. Those hear of it by the exchange gomeko.control; Nameko does not listen, and works on.
//
// # Errors of calls
//
// Why a call has no result is told by errors.Is:
//
//   - [ErrUnknownService]: no queue takes the service's requests.
//   - [ErrTimeout]: no reply in time; the text has the consumers and the ready messages of the service's queue.
//   - [ErrNoConsumers]: an ErrTimeout for which nobody was there to take the request.
//   - [ErrWorkerTimeout]: an ErrTimeout of the service's own: the method took longer than it may.
//   - [ErrConnectionLost]: whether the method has run is not known.
//   - [context.Canceled]: ctx was cancelled.
//   - [ErrMethodNotFound], [ErrIncorrectSignature], [ErrMalformedRequest] and any other [Error]: the service's answer.
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
