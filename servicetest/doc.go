// Package servicetest runs services in tests, on a broker in memory: no port, no process, nothing to install.
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
// The calls go through all that they go through elsewhere: encoding, queues, middleware, errors on the wire. A method
// alone needs none of it: call it on a struct literal. All that is wrong with services is told by [Check], which starts nothing.
//
// # Dependencies
//
// What a struct holds already it keeps: a typed client is a struct of funcs, a store an interface. What modules provide is
// replaced by its type, and a service that is called is replaced by another one of its name:
//
//	h := servicetest.New(t, &Orders{Users: Users{Get: fake}, Store: store})
//	h := servicetest.New(t, orders.Module, fx.Replace(db), new(FakeUsers))
//
// # Entrypoints
//
// A row is named by its service and its field. [Host.Run] runs one as its entrypoint would, whatever kind that is, [Host.Watch]
// waits for one to have run, and Only in a [service.Config] leaves others out:
//
//	h := servicetest.New(t, orders.Module, service.Config{Only: []string{"orders.GetOrder"}})
//
//	swept := h.Watch("orders.Sweep")
//	_, err := h.Run(t.Context(), "orders.Sweep")
//	got := swept() // got.Call, got.Result, got.Err
//
// # Events and messages
//
// [Host.Dispatcher] dispatches in the name of any service, and Watch tells what the handlers made of it:
//
//	forgotten := h.Watch("orders.ForgetUser")
//	err := h.Dispatcher("users")(t.Context(), "user_deleted", Deleted{ID: 7})
//	got := forgotten()
//
// What a service dispatches is caught by a func in its struct's literal, or by a service of the test's that handles it. Run needs
// no broker and no queue: it takes an [events.Event] first where the handler does.
//
// # HTTP and websockets
//
// [Host.HTTP] and [Host.Socket] are clients of the routes and the socket methods, which are served in memory:
//
//	answer, err := h.HTTP().Get("http://orders/orders/7")
//
//	socket := h.Socket()
//	err := socket.Call(t.Context(), "watch_order", nil, rpc.Kwargs{"order_id", 7})
//	event, err := socket.Event(t.Context(), &order)
//
// # Time
//
// All of it works in the bubble of [testing/synctest], where a call that times out after half a minute takes no time:
//
//	synctest.Test(t, func(t *testing.T) {
//		h := servicetest.New(t, new(Greeting))
//		err := h.Client("greeting_service").Call(t.Context(), "hang", nil) // rpc.ErrTimeout
//	})
//
// # Extensions
//
// Those who write an entrypoint of their own test it with [TestEntrypoint].
package servicetest
