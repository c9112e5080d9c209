// Package servicetest runs services in tests, on a broker in memory. It needs no port, no process
// and no installation.
//
//	func TestHello(t *testing.T) {
//		h := servicetest.New(t, new(Greeting))
//		var got string
//		err := h.Client("greeting_service").Call(t.Context(), "hello", &got, rpc.Kwargs{"name", "Julio"})
//		if err != nil || got != "Hello, Julio!" {
//			t.Errorf("got %q, %v, want Hello, Julio!", got, err)
//		}
//	}
//
// Calls pass through encoding, queues, middleware and errors on the wire, as in production. To test
// only a method, call it on a struct literal. [Check] reports all mistakes of services without
// starting them.
//
// # Dependencies
//
// A field that is set in the struct literal keeps its value: set the funcs of a typed client, or
// the interface of a store. fx.Replace replaces a value that a module provides, by its type. A fake
// of a called service is a service with the same name:
//
//	h := servicetest.New(t, &Orders{Users: Users{Get: fake}, Store: store})
//	h := servicetest.New(t, orders.Module, fx.Replace(db), new(FakeUsers))
//
// # Entrypoints
//
// A row is named by its service and its field. [Host.Run] calls the row's method as its entrypoint
// would, [Host.Watch] waits for a call of the row, and Only in a [service.Config] starts only some
// rows:
//
//	h := servicetest.New(t, orders.Module, service.Config{Only: []string{"orders.GetOrder"}})
//
//	swept := h.Watch("orders.Sweep")
//	_, err := h.Run(t.Context(), "orders.Sweep")
//	got := swept() // got.Call, got.Result, got.Err
//
// # Events and messages
//
// [Host.Dispatcher] dispatches in the name of any service, and Watch returns the outcome of the
// handler's call:
//
//	forgotten := h.Watch("orders.ForgetUser")
//	err := h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7})
//	got := forgotten()
//
// To check the events of a service, set the dispatcher in its struct literal to a func, or add a
// service that handles them. Run calls a handler without the broker: if the handler takes an
// [events.Event], it is the first argument.
//
// # Jobs
//
// [Host.Enqueued] lists the jobs that the services have enqueued. With jobs.Eager among the
// services they run at once, without a store, and [github.com/gomeko/gomeko/jobs.Ref.Wait] has
// their outcomes:
//
//	h := servicetest.New(t, new(Images), new(Shop), jobs.Eager)
//
// # HTTP and websockets
//
// [Host.HTTP] is a client of the routes, and [Host.Socket] one of the socket methods. Both are
// served in memory:
//
//	answer, err := h.HTTP().Get("http://orders/orders/7")
//
//	socket := h.Socket()
//	err := socket.Call(t.Context(), "watch_order", nil, rpc.Kwargs{"order_id", 7})
//	event, err := socket.Event(t.Context(), &order)
//
// # Time
//
// All of this works in a bubble of [testing/synctest], where a call that exceeds its deadline takes
// no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		h := servicetest.New(t, new(Greeting))
//		err := h.Client("greeting_service").Call(t.Context(), "hang", nil) // rpc.ErrTimeout
//	})
//
// # Extensions
//
// [TestEntrypoint] tests an entrypoint type of an extension.
package servicetest
