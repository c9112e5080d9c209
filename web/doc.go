// Package web serves methods of services over HTTP and websockets.
//
// # Routes
//
// A [Route] is an entrypoint row. Its tag is a pattern of [http.ServeMux], and its method takes the
// pattern's wildcards:
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
//	func (o *Orders) GetOrder(ctx context.Context, id int) (*Order, error)
//
// Several rows may call the same method, by RPC and over HTTP. A pattern without an HTTP method
// matches all methods. A GET pattern also matches HEAD, and OPTIONS is answered with the allowed
// methods.
//
// A request is a call like any other: it takes a worker, runs the service's middleware and receives
// per-call dependencies. The tag key timeout:"5s" limits its duration; the default is
// [Config].Timeout. ctx ends when the client disconnects.
//
// # Parameters
//
// A parameter for a wildcard is a string, a number, a bool or a type with UnmarshalText. If the
// path cannot be parsed as that type, the request is answered with 404. After the wildcards the
// method may take a struct, whose fields are read from the rest of the request:
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
// The tag keys path, query and header say where a field is read from. A field without them is read
// from the body, which is JSON or a form; a GET, HEAD or DELETE request may send it in the query
// instead. If the struct is the only parameter, its fields also take the wildcards of their names.
// A slice takes all values of its name.
//
// A request with invalid arguments is answered with 400 and a list of all faults, and the method
// does not run. A member of the JSON object that matches no field is a fault.
//
// A method that needs the whole request takes an *http.Request after ctx, with or without
// parameters for the wildcards. A method that writes the response itself takes the parameters of an
// [http.HandlerFunc]:
//
//	func (o *Orders) Upload(ctx context.Context, r *http.Request) error
//	func (o *Orders) Events(w http.ResponseWriter, r *http.Request)
//	func (o *Orders) Export(ctx context.Context, w http.ResponseWriter, r *http.Request) error
//
// The request's context is that of the call.
//
// # Results
//
//   - A string is sent as text, a []byte as application/octet-stream.
//   - nil, and a method without a result, is an empty response with 204.
//   - A [Response] sets the status and headers too.
//   - An [io.Reader] is streamed: each part is sent as it is read. A reader with Close is closed at
//     the end.
//   - Any other value is sent as JSON, with null for NaN and the infinities: see
//     [codec.BrowserJSON].
//
// Per-call dependencies end before the response begins, so a failed commit is answered with 500.
// For a stream, and for a method that writes the response itself, they end after the last byte; if
// that fails, the connection is cut, so the client does not take the response for complete.
//
// # Errors
//
// An error is answered with problem+json, or with a line of text in Nameko's format, "Error:
// NotFound: order not found", depending on the request's Accept header. If the client has no
// preference, it gets the line for errors that Nameko has too, unless it uses fetch in a browser.
//
//   - An error with a method HTTPStatus() int has that status. [Error] is such an error, and
//     [Status] makes one.
//   - Any other expected error (see [service.Expected]) has 400.
//   - A call over its timeout has 503. A request over [Config].MaxWaiting has 503 and Retry-After.
//   - If a call to another service was not answered in time, it has 504; if that service is not
//     running, 503.
//   - Any other error has 500, including errors from other services that the client cannot correct,
//     such as rpcerror.ErrMethodNotFound. The line is "Error: InternalServerError: call
//     orders.get_order.b4a9…", and the log has the error under the id of the call.
//
// With [Hooks] you can write errors differently, and read a call's context data from a request. The
// id of a call ends with the request's X-Request-ID header, or with a new id if the client sent
// none; the response returns it.
//
// # Websockets
//
// A [SocketMethod] is an entrypoint row whose method is called over a websocket, at GET /ws. Frames
// are JSON in Nameko's format; arguments are passed by name. A [Hub] sends events to sockets from
// any method:
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
// The requests of one socket run one at a time, unless the row has at_once:"4". Each socket has a
// bounded queue of outgoing frames, so a slow client does not delay the others. [Sockets] sets the
// bounds, and the origins whose pages may open websockets. By default only pages of the server's
// own host may.
//
// # The server
//
// All routes, websockets and mounts of a process share the port of its [Config]. A [Mount] serves
// any [http.Handler], such as files. Middleware has the type func(http.Handler) http.Handler and
// can come from any library:
//
//	web.Hooks{Middleware: []func(http.Handler) http.Handler{
//		cors.Default().Handler,                                                   // github.com/rs/cors
//		func(next http.Handler) http.Handler { return gzhttp.GzipHandler(next) }, // github.com/klauspost/compress/gzhttp
//		http.NewCrossOriginProtection().Handler,                                  // of forms with cookies
//	}}
//
// The server begins to listen after the services' dependencies have started. When the services
// stop, it answers [Config].ReadyPath with 503, accepts connections for [Config].DrainDelay, and
// completes the requests that it has accepted.
//
// The log has a line for each request, at INFO. It omits the values of query parameters with names
// such as token and password, and the whole path of a row with sensitive arguments.
package web
