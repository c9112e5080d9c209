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
// What a module provides for its services may be replaced:
//
//	h := servicetest.New(t, orders.Module, fx.Replace(db))
//
// [TestEntrypoint] is for those who write an extension.
//
// The calls go through all that they go through elsewhere: encoding, queues, middleware, errors on the wire. A method
// alone needs none of it: call it on a struct literal.
package servicetest
