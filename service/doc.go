// Package service hosts services: structs whose methods are called by other programs.
//
// A service is one struct. It says what the service is called, which of its methods can be called
// and how, and what it needs:
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
// A [Container] hosts services. [New] checks all of them, and reports every mistake at once, each
// with its remedy:
//
//	c, err := service.New(service.Config{}, new(Orders),
//		service.Configure(transport.Config{URI: "amqp://localhost"}))
//	…
//	err = c.Start(ctx)
//
// Package runner does this for you, with flags, a configuration file and signals; package
// servicetest does it in tests.
//
// This package knows neither AMQP nor HTTP. The type of a row says how its method is called, and
// the type of a field says what it holds. Packages such as rpc, events, timer and web bring these
// types, and your own packages may too.
//
// # Methods and signatures
//
// A row has the name of the method that it calls, unless its tag says method:"Other". The method
// takes a context.Context first, and returns error or (T, error). Every row may have these further
// keys:
//
//	timeout:"5s"          how long a call may run
//	max_workers:"4"       how many calls of the row run at once
//	sensitive:"password"  arguments that must not be printed, as in Nameko
//	lenient:"true"        members of objects in arguments may be missing
//	doc:"Sells a thing."  a line about the row, for descriptions
//
// A tag spells the method's signature as Python would write it; see package signature. Each name of
// a list is a parameter of the Go method after ctx:
//
//	get_order(order_id, verbose=False, *rest, key, **opts)
//
// Defaults are Python literals, *rest is a slice, and **opts is a map with string keys. Without a
// list, the method takes nothing, or one struct whose fields are the parameters:
//
//	type CreateOrderArgs struct {
//		Product string  `json:"product"`
//		Count   int     `json:"count" default:"1"` // optional: it has a default, omitempty, or a pointer
//		Note    *string `json:"note"`
//		Card    string  `json:"card" sensitive:"true"`
//	}
//
// The same rule holds for the fields of structs at any depth of an argument: a member that is
// missing is required unless its field has a default, omitempty, omitzero, or is a pointer.
// [Config].Lenient, or lenient:"true" in a row, leaves it the zero value.
//
// If the arguments of a call do not fit, its error is a [signature.Error] in the words of Python,
// and the method does not run. If values in them break the constraints of their fields, it is a
// [ValidationError] with all of them:
//
//	type Account struct {
//		Email string `json:"email" format:"email"`
//		Age   int    `json:"age" min:"18"`
//		Plan  string `json:"plan" enum:"free,pro" default:"'free'"`
//	}
//
// The keys are enum, min, max, minLength, maxLength, pattern and format (email, uri, date-time,
// uuid, decimal). Those of a list or a map are about its elements. docs/values.md has their rules.
//
// # Calls
//
// Each call runs on a copy of the struct, so that a method may change the fields while it runs.
// Values that calls share must be behind a pointer; New reports locks that would be copied. The
// context has the [Call], and the context data that came with it ([Key]):
//
//	call := service.FromContext(ctx)
//	language, ok := service.Language.Get(ctx)
//
// At most [Config].MaxWorkers calls of a service run at once. A call that waits for another call
// lends its worker meanwhile ([Lend]), so services may call themselves and one another to any
// depth. A call that exceeds its time limit is answered with [ErrTimeout]; its method keeps its
// worker until it returns.
//
// The outcome of every call is logged: success at DEBUG, errors that callers are meant to handle
// ([Expected]) at WARN, and any other error at ERROR, a panic with its stack.
//
// # Dependencies
//
// A field with the tag inject:"" gets a value of its type from the fx application, and with
// inject:"backup" the one of that name. Values that live as long as the process come from fx. A
// value for each call, such as a transaction, comes from package di:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(openDB), // *sql.DB
//		di.PerCall(InTx),   // func(*sql.DB) di.Provider[Store]
//	)
//
// A field that the struct literal sets keeps its value, so a test of a method needs no application.
// The values of a call are closed, in reverse order and with its error, before the middleware and
// the caller see the outcome. They may replace it: a commit that fails is the error of the call.
//
// # Middleware
//
// A [Middleware] wraps every call of a container. [Configure] adds it, in a module or beside the
// services:
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
// It wraps the calls of all services of the process, also those of other modules. The first one is
// the outermost; those of modules come first, in the order of the modules. If it needs values of
// the application, the module provides it:
//
//	fx.Provide(NewAudit, fx.Private), // func(*sql.DB) service.Middleware
//	service.Configure[service.Middleware](),
//
// # Start and stop
//
// Start sets up and starts what extensions share, such as connections, and then the entrypoints.
// Stop stops the entrypoints first, waits for the running calls and their replies, then stops what
// extensions share, and runs the stop hooks of fx modules last. Nothing is cut off until its
// context ends.
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
// An [EntrypointType] makes the entrypoints of its rows, which turn input into calls ([Row.Run]). A
// [DependencyType] makes the values of its fields. Both find their configuration with [Lookup]. The
// page docs/extensions.md in the repository builds one of each.
package service
