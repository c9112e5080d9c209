// Package web serves methods of services over HTTP, and by websockets.
//
// # Routes
//
// A [Route] is a row of a service's entrypoint table, its tag a pattern in the language of
// [http.ServeMux]:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder  rpc.Method `rpc:"get_order(order_id)"`
//			ShowOrder web.Route  `web:"GET /orders/{id}" method:"GetOrder"`
//			PutOrder  web.Route  `web:"PUT /orders/{id}"`
//		}
//	}
//
// Several rows may call one method, by RPC and over HTTP. A row without a method of HTTP takes all
// of them; GET answers HEAD too, and OPTIONS is answered with what is allowed. A request is a call
// as any other: it takes one of the service's workers, goes through its middleware, has its own
// values injected, and timeout:"5s" limits it; without that key it has the limit of [Config]. When
// the client has gone, ctx ends.
//
// # Methods
//
// A method takes the wildcards of its pattern, in their order, each as a string, a number, a bool
// or a type with UnmarshalText. What does not fit is another path: it is answered 404.
//
//	func (o *Orders) GetOrder(ctx context.Context, id int) (*Order, error)
//
// After them it may take a struct, whose fields are filled from all over the request:
//
//	func (o *Orders) PutOrder(ctx context.Context, id int, args PutArgs) error
//
//	type PutArgs struct {
//		Product string  `json:"product"`
//		Count   int     `json:"count" default:"1"` // optional: default, omitempty, or a pointer
//		Notify  bool    `json:"notify,omitempty" query:"notify"`
//		Tenant  *string `json:"tenant" header:"X-Tenant"`
//	}
//
// The keys path, query and header say where a field is found. One without them is found in a
// wildcard of its name, if the method takes the struct alone, else in the body: JSON, or a form;
// GET, HEAD and DELETE have their query in the place of a body. A slice takes all values of a name.
// A request that does not fit is answered 400 with all of its faults, and a member of a JSON object
// that is no field is one; the method is not run.
//
// A method that wants more takes an *http.Request after ctx, ahead of the wildcards or without
// them, and whoever writes the answer himself has the shape of net/http:
//
//	func (o *Orders) Upload(ctx context.Context, r *http.Request) error
//	func (o *Orders) Events(w http.ResponseWriter, r *http.Request)
//	func (o *Orders) Export(ctx context.Context, w http.ResponseWriter, r *http.Request) error
//
// The request's context is that of the call.
//
// # Results
//
// A string goes out as text, a []byte as it is, nil and a method without a result as 204, and what
// is none of these as JSON. A [Response] has a status and headers too. An [io.Reader] is streamed:
// each part as it is read, and closed at the end if it can be.
//
// The call's own values are ended before the first byte of an answer: a commit that fails is an
// answer of 500. For a stream, and for a method that writes itself, they are ended after the last
// one, and if that fails the answer is cut off, so that no client takes it for whole.
//
// # Errors
//
// The answer to an error is the line that Nameko has, "Error: NotFound: order not found", or
// problem+json to a client that accepts JSON:
//
//   - An error with HTTPStatus() int has this status: [Error] is one, and [Status] makes one.
//   - One that is expected (see [service.Expected]) is answered 400.
//   - A call that is over its time is answered 503, and so is a request when too many wait already,
//     with Retry-After.
//   - Any other, and the fault of another service, is answered 500, "Error: InternalServerError:
//     call orders.GetOrder.b4a9…": the log has the rest under the id of the call.
//
// [Hooks] answer otherwise, and also say what of a request's headers is the context data of its
// call. The header X-Request-ID is the last part of the call's id, be it that the client has sent
// one.
//
// # Websockets
//
// A [SocketMethod] is a method that is called by websocket. All of a process's are at GET /ws of
// the same port, in frames of JSON (docs/web.md), and arguments come by name. A [Hub] reaches the
// sockets from any method:
//
//	type Board struct {
//		_ service.Name `service:"board"`
//
//		Entrypoints struct {
//			Watch        web.SocketMethod `web:"watch(shop='all')"`
//			OrderCreated events.Handler   `events:"orders.order_created" delivery:"broadcast" reliable:"false"`
//		}
//
//		Hub web.Hub
//	}
//
//	func (b *Board) Watch(ctx context.Context, s *web.Socket, shop string) error {
//		return b.Hub.Subscribe(s.ID, shop)
//	}
//
//	func (b *Board) OrderCreated(ctx context.Context, order Order) error {
//		return b.Hub.Broadcast(ctx, order.Shop, "order_created", order)
//	}
//
// The requests of one socket run one at a time, unless the row says at_once:"4". A broadcast waits
// for nobody: what a client does not read is kept in a queue of its own, with a bound. [Sockets]
// say what that is, and whose pages may open sockets: only those of the server's own host, unless
// they are named.
//
// # The server
//
// All routes of a process are on one port, that of its [Config]. Beside them a [Mount] has any
// [http.Handler] answer, such as one of files. Middleware is func(http.Handler) http.Handler, of
// whichever library: CORS and compression are a line each,
//
//	web.Hooks{Middleware: []func(http.Handler) http.Handler{
//		cors.New(cors.Options{AllowedOrigins: []string{"https://shop.example.org"}}).Handler, // github.com/rs/cors
//		func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) },              // github.com/klauspost/compress/gzhttp
//		http.NewCrossOriginProtection().Handler,                                               // of forms with cookies
//	}}
//
// The server listens when all that the services need is there. When they stop, it tells who asks
// Config.ReadyPath, takes connections for Config.DrainDelay, each for one request, and then no
// more; what it has taken is answered.
//
// The log has a line on each request, at INFO. Values in a query that are called token, password
// and the like are left out of it, and the whole path of a row whose arguments are sensitive.
package web
