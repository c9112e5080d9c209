// Package service hosts services: structs whose methods are called from outside.
//
// A service is written as one struct. It says what it is called, which of its methods are reached and by what, and what
// it needs:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder    rpc.Method     `rpc:"get_order(order_id, verbose=False)"`
//			CreateOrder rpc.Method     `rpc:"create_order" timeout:"5s"`
//		}
//
//		Users rpc.Client `rpc:"users"`
//		Store Store      `inject:""`
//	}
//
//	func (o *Orders) GetOrder(ctx context.Context, id int, verbose bool) (*Order, error) { … }
//
// The package knows no wire. What reaches a method is the type of its row (an [EntrypointType] such as rpc.Method), what a
// field holds is its own type or a [DependencyType] such as rpc.Client; packages bring both, and so may you. All that is wrong
// with all services of a process is reported by [New], at once, each with what to write instead.
//
// # Methods and signatures
//
// A row is named as the method it calls, unless method:"Other" says otherwise; timeout:"5s" limits the time of its calls,
// max_workers:"4" how many of them run at once. The method takes a context.Context first, and returns error or (T, error).
//
// The tag has the method's [signature.Signature] as Python would write it. A list names each Go parameter:
//
//	get_order(order_id, verbose=False, *rest, key, **opts)
//
// where defaults are Python literals, *rest is a slice and **opts a map by string. Without a list the method has no
// parameter, or one struct whose fields are the parameters:
//
//	type CreateOrderArgs struct {
//		Product string  `json:"product"`
//		Count   int     `json:"count" default:"1"` // optional: default, omitempty, or a pointer
//		Note    *string `json:"note"`
//	}
//
// A call whose arguments do not fit is a [signature.Error] in Python's words, and is not run. What must be printed nowhere
// is named by the row, as in Nameko, sensitive:"password, user.cards[0]", or says sensitive:"true" as a field.
//
// # Calls
//
// Each call runs on a copy of the struct, so a method may keep what it likes in its fields while it runs. What must be
// shared stands behind a pointer; a lock held by value is refused by [New]. ctx carries the [Call], and the context
// data that came with it, by [Key]:
//
//	call := service.FromContext(ctx)
//	language, ok := service.Language.Get(ctx)
//
// An error that has Expected() bool is one that callers are meant to handle ([Expected]): it is logged at WARN, every
// other at ERROR, a panic with its stack. A call that is over its time is answered with [ErrTimeout] at once; its
// method keeps one of the service's workers until it returns. One that waits for a call of its own lends its worker
// meanwhile ([Lend]), so that services may call themselves and one another to any depth.
//
// # Dependencies
//
// A field with the key inject is given a value of its type by the application, inject:"backup" one that goes by that name.
// What lives as long as the process comes from fx, what each call has for itself from package di:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(openDB), // *sql.DB
//		di.PerCall(InTx),   // func(*sql.DB) di.Provider[Store]
//	)
//
// [New] takes such modules beside structs. What a struct literal has set stays, so a test needs no application. The
// values of a call are ended, in reverse order and with its error, before the middleware and the caller see its outcome:
// they may replace it.
//
// # Middleware
//
// A [Middleware] wraps every call of a container:
//
//	func audit(next service.Runner) service.Runner {
//		return func(ctx context.Context) (any, error) {
//			result, err := next(ctx)
//			log.Print(service.FromContext(ctx).ID, " ", err)
//			return result, err
//		}
//	}
//
// # Containers
//
// A [Container] starts services, and stops them so that nothing is cut off: entrypoints first, then the calls that run
// end, then what they share is stopped, then the hooks of fx modules run. [Provide] makes a service part of a module; package
// runner makes a process of modules.
//
// # Extensions
//
// An extension is one type with one method. This row calls its method for every line of a file:
//
//	type Lines struct{} // Import Lines `lines:"/var/spool/orders"`
//
//	func (Lines) Entrypoint(r *service.Row) (service.Entrypoint, error) {
//		_, err := r.Bind("line(text)")
//		return &reader{row: r, path: r.Tag.Get("lines")}, errors.Join(err, r.Tag.Keys("lines"))
//	}
//
//	func (r *reader) Start(context.Context) error { r.row.Go(r.read); return nil } // calls r.row.Run
//	func (r *reader) Stop(context.Context) error  { return r.file.Close() }
//
// A module of its own may say how it is configured ([Configure]). docs/extensions.md goes through two whole ones.
package service
