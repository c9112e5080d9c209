// Package service runs services: structs whose methods other programs call.
//
// A service is one struct. It declares the service's name, which methods can be called and how, and
// what the service needs:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder    rpc.Method     `rpc:"get_order(order_id, verbose=False)"`
//			CreateOrder rpc.Method     `rpc:"create_order" timeout:"5s"`
//			ForgetUser  events.Handler `events:"users.user_deleted"`
//		}
//
//		Users rpc.Client `rpc:"users"`
//		Store Store      `inject:""`
//	}
//
//	func (o *Orders) GetOrder(ctx context.Context, id int, verbose bool) (*Order, error) { … }
//
// A [Container] hosts services. [New] checks all of them and reports every mistake at once, with a
// fix for each:
//
//	c, err := service.New(service.Config{}, new(Orders),
//		service.Configure(transport.Config{URI: "amqp://localhost"}))
//	…
//	err = c.Start(ctx)
//
// Package runner does this for you, with flags, a configuration file and signals; package
// servicetest does it in tests.
//
// This package knows nothing of AMQP or HTTP. The type of a row determines how its method is
// called, and the type of a field determines what the field holds. Packages such as rpc, events,
// timer and web provide these types, and your own packages can provide others.
//
// # Methods and signatures
//
// A row is named after the method that it calls, unless its tag says method:"Other". The method
// takes a context.Context first, and returns error or (T, error). The tag of any row may also have
// these keys:
//
//	timeout:"5s"          how long a call may run
//	max_workers:"4"       how many calls of the row run at once
//	sensitive:"password"  arguments that must not be printed, as in Nameko
//	lenient:"true"        members of objects in arguments may be missing
//	doc:"Sells a thing."  a line about the row, for descriptions
//
// The tag gives the method's signature as Python would write it; see package signature. Each name
// in the list is a parameter of the Go method after ctx:
//
//	get_order(order_id, verbose=False, *rest, key, **opts)
//
// Defaults are Python literals, *rest is a slice, and **opts is a map with string keys. Without a
// list, the method takes either no further parameter or one struct, whose fields are the
// parameters:
//
//	type CreateOrderArgs struct {
//		Product string  `json:"product"`
//		Count   int     `json:"count" default:"1"` // optional: a default, omitempty or a pointer makes it so
//		Note    *string `json:"note"`
//		Card    string  `json:"card" sensitive:"true"`
//	}
//
// The same rule applies to structs at any depth of an argument: a member is required unless its
// field has a default, omitempty or omitzero, or is a pointer. With [Config].Lenient, or
// lenient:"true" in a row, a missing member is left at its zero value.
//
// If the arguments of a call do not fit the signature, the method does not run, and the error is a
// [signature.Error] with Python's wording. If values in the arguments violate the constraints of
// their fields, the error is a [ValidationError] that lists all of them:
//
//	type Account struct {
//		Email string `json:"email" format:"email"`
//		Age   int    `json:"age" min:"18"`
//		Plan  string `json:"plan" enum:"free,pro" default:"'free'"`
//	}
//
// The keys are enum, min, max, minLength, maxLength, pattern and format (email, uri, date-time,
// uuid, decimal). On a list or a map, they apply to the elements. docs/values.md has the rules.
//
// # Calls
//
// Each call runs on its own copy of the struct, so a method may change the fields. Values that
// calls share must be behind a pointer; New reports locks that would be copied. The context carries
// the [Call] and the context data that came with it ([Key]):
//
//	call := service.FromContext(ctx)
//	language, ok := service.Language.Get(ctx)
//
// At most [Config].MaxWorkers calls of a service run at once. A call that waits for another call
// lends its worker meanwhile ([Lend]), so services may call themselves and one another to any
// depth. A call that exceeds its time limit is answered with [ErrTimeout], but its method keeps the
// worker until it returns.
//
// The outcome of every call is logged: success at DEBUG, errors that callers are meant to handle
// ([Expected]) at WARN, and any other error at ERROR. Panics are logged with their stack.
//
// # Dependencies
//
// A field with the tag inject:"" gets the value of its type from the fx application;
// inject:"backup" selects the value with that name. Values that live as long as the process come
// from fx. A value for each call, such as a transaction, comes from package di:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(openDB), // *sql.DB
//		di.PerCall(InTx),   // func(*sql.DB) di.Provider[Store]
//	)
//
// A field that is set in the struct literal keeps its value, so a test of a method needs no
// application. The values of a call are closed in reverse order, with the call's error, before the
// middleware and the caller see the outcome. Closing them may replace that error: if a commit
// fails, the call fails.
//
// # Middleware
//
// A [Middleware] wraps every call of a container. Add it with [Configure], in a module or beside
// the services:
//
//	func audit(next service.Runner) service.Runner {
//		return func(ctx context.Context) (any, error) {
//			result, err := next(ctx)
//			log.Print(service.FromContext(ctx).ID, " ", err)
//			return result, err
//		}
//	}
//
//	var Module = fx.Module("orders", service.Provide(new(Orders)), service.Configure(audit))
//
// It wraps the calls of all services of the process, including those of other modules. The first
// middleware is the outermost; that of modules comes first, in the order of the modules. Middleware
// that needs values of the application is provided by the module:
//
//	fx.Provide(NewAudit, fx.Private), // func(*sql.DB) service.Middleware
//	service.Configure[service.Middleware](),
//
// # Start and stop
//
// Start sets up all extensions, starts what they share, such as connections, and then starts the
// entrypoints. Stop stops the entrypoints, waits for running calls and their replies, stops what
// extensions share, and finally runs the stop hooks of fx modules. Nothing is cut off before the
// context of Stop ends.
//
// # Extensions
//
// An extension is a type with one method. This row calls its method for every line of a file:
//
//	type Lines struct{} // Import Lines `lines:"/var/spool/orders"`
//
//	func (Lines) Entrypoint(r *service.Row) (service.Entrypoint, error) {
//		_, err := r.Bind("line(text)")
//		return &reader{row: r, path: r.Tag.Get("lines")}, errors.Join(err, r.Tag.Keys("lines"))
//	}
//
//	func (r *reader) Start(context.Context) error { r.row.Go(r.read); return nil } // read calls r.row.Run
//	func (r *reader) Stop(context.Context) error  { return r.file.Close() }
//
// An [EntrypointType] creates the entrypoints of its rows, which turn input into calls ([Row.Run]).
// A [DependencyType] creates the values of its fields. Both find their configuration with [Lookup].
// The page docs/extensions.md in the repository builds one of each.
package service
