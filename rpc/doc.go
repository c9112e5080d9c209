// Package rpc calls methods of services and serves such calls. It speaks Nameko's protocol: neither
// side can tell a Go service from a Python one.
//
// A request goes to a queue that all processes of the service share. One of them takes it; if none
// is running, the request waits. The reply comes back on the caller's reply queue. Whatever goes
// wrong, the caller gets an error by its deadline.
//
// # Serve a method
//
// A [Method] is a row of a service's table. Its tag is the signature that callers see, in Python's
// syntax. The row has the name of the method that it calls.
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
// A request is acknowledged after its reply is sent. If the process dies before that, the broker
// gives the request to another process, and the method runs again with [service.Call].Redelivered
// set. With ack:"before" the request is acknowledged before the method runs: it runs at most once,
// and is lost if the process dies. A request that cannot be read, or does not match the signature,
// is answered with an error and not run.
//
// # Retries
//
// With the key retry, a call that fails runs again in the same process, after the delays of the
// tag:
//
//	Charge rpc.Method `rpc:"charge(order_id)" retry:"200ms 1s"`
//
// Faults, the row's timeouts, and errors of calls that the method made are retried. The method's
// own expected errors, and requests that do not match the signature, are answered at once, since
// they would fail again. With or without the key, a method may return [service.RetryAfter] to
// choose the delay, at least 100 ms. [service.Park] and [service.Drop] only end the retries: RPC
// keeps no request in a dead queue, since its caller has the error.
//
// The caller keeps waiting meanwhile, and its deadline is the limit: a delay that would outlast the
// request's expiration is not begun, and a cancellation ends the wait. The caller then receives the
// error of the last attempt. Each attempt has the row's full timeout and new per-call values (di).
// All attempts have the same call id; [service.Call].Attempt counts them.
//
// Between attempts the call holds no worker. Its request stays unacknowledged: it counts against
// the requests that the process may hold, as a call that waits for another one does, and it goes
// back to the queue if the process stops or dies. A request without an expiration is retried as
// often as the row says; without the key, [service.RetryAfter] is obeyed for a minute. The key
// cannot be combined with ack:"before".
//
// With the key, a request that kills one process after another is eventually answered with an
// error: docs/delivery.md says how such a request is recognised.
//
// # Workers
//
// A process takes as many requests as the service has workers. Some of them may wait for other
// calls, or because their row has reached its max_workers. For these, the process opens further
// consumers and takes as many more requests, up to [service.Config].MaxLent, since the calls that
// they wait for may be behind them in the queue. A process that is stopping takes no more requests,
// unless a call that it still runs waits for one of its own services.
//
// # Call a service
//
// A [Client] is a field of a service that calls another one. Requests carry the id and the context
// data of the call that makes them:
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
// A typed client is a struct of funcs with a blank field that names the service. The tag of each
// func names the method that it calls:
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
// With a list in the tag, the arguments before the * are sent by position and those after it by
// name. *rest takes a slice or the variadic parameter, **opts takes a map. All listed arguments are
// sent; the service applies defaults. Without a list, a single struct is sent as keywords, by
// encoding/json's names and omitempty; other arguments are sent by position.
//
// A typed client that is a field of a service is filled at start, and every mistake in it is
// reported. Other programs use [Bind]. A test needs no mock: it writes a struct literal with the
// funcs that are called. When such a service is hosted, it keeps the funcs of the literal.
//
//	shop := &Shop{Orders: Orders{Get: func(context.Context, int, bool) (Order, error) { return tea, nil }}}
//
// # Context data
//
// Values that a [service.Key] has stored in ctx are sent with every call, as the AMQP header
// nameko.<key> (see docs/wire/nameko.md, Context data). A service passes on the values that its own
// call received. A program that hosts no services sets them:
//
//	err := client.Call(service.Language.With(ctx, "en"), "get_order", &order, 7)
//
// # Several calls at once
//
// [Client.Go] makes a call and returns a [Reply], which can be read later or not at all. [Parallel]
// makes many calls with the func of a typed client and yields the results in order:
//
//	r := s.Orders.Go(ctx, "get_order", 7)
//	err := r.Result(ctx, &order)
//
//	for order, err := range rpc.Parallel(ctx, 10, ids, orders.Get) {
//
// # Streams
//
// A method that returns (iter.Seq2[T, error], error) streams its result, item by item, to callers
// that ask for a stream: with a func of a typed client that returns an iter.Seq2[T, error], or with
// [Stream]. Other callers, such as Nameko, get a list. A method may also take one
// iter.Seq2[T, error].
//
//	Export func(ctx context.Context, year int) iter.Seq2[Order, error] `rpc:"export"`
//
//	for order, err := range s.Orders.Export(ctx, 2026) {
//
// The method waits for its reader, and leaving the loop early ends the method's ctx. A stream that
// ends without an error is complete. docs/streams.md has more.
//
// # Options
//
// [With] sets options for all calls made with a ctx, by any client:
//
//	ctx = rpc.With(ctx, rpc.Timeout(time.Hour), rpc.Priority(1))
//
// Requests are encoded as JSON unless [transport.Config].Codec, or the option [Codec], says
// otherwise. A service reads JSON and msgpack, compressed or not, and replies in the format of the
// request. Package codec lists what each Go type becomes in Python.
//
// # Deadlines
//
// Every call has a deadline: ctx's, or [Config].Timeout from now. The request carries the time left
// as its expiration. If nobody takes the request in time, the broker drops it; if its method is
// running by then, a service of this package ends the method's ctx. A request made with Go carries
// a limit only if ctx or an option sets one, since its work may outlive the caller.
//
// When ctx ends, the call is cancelled in the service too: a message through the exchange
// gomeko.control ends the method's ctx. Nameko services do not support this, and go on.
// docs/delivery.md says who can cancel whose calls.
//
// # Errors of calls
//
// Use errors.Is to find out why a call has no result:
//
//   - [ErrUnknownService]: no queue takes the service's requests.
//   - [ErrTimeout]: no reply in time. The text says how many consumers and ready messages the
//     service's queue has.
//   - [ErrNoConsumers]: an ErrTimeout, and nothing consumed the queue.
//   - [ErrWorkerTimeout]: an ErrTimeout that the service sent: the method took longer than its row
//     allows.
//   - [ErrConnectionLost]: it is unknown whether the method has run.
//   - [context.Canceled]: ctx was cancelled.
//   - [ErrMethodNotFound], [ErrIncorrectSignature], [ErrMalformedRequest] and other values of
//     [Error]: the service has answered with this error.
//
// # Errors of methods
//
// An [Error] is Nameko's serialized exception. A service declares one for each failure that its
// callers need to recognize, and both sides test for it:
//
//	var ErrNotFound = rpc.NewError("orders.exceptions.NotFound", "order not found")
//
//	return nil, fmt.Errorf("order %d: %w", id, ErrNotFound)
//
//	errors.Is(err, ErrNotFound) // in the caller too, and in its caller
//
// [Error.With] returns the error with other arguments and a text that includes them.
// [Error.WithStatus] sets the HTTP status for routes that return the error, in any service. Go
// services pass errors of other services on unchanged: the header gomeko.error of a reply carries
// what Nameko's form of the error lacks.
//
// Any other error of a method is a fault. Its text is sent as an Exception and logged at ERROR.
package rpc
