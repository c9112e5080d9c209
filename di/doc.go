// Package di gives each call of a service its own value in a field, such as a transaction that is
// committed before the reply leaves. Values that live as long as the process come from
// go.uber.org/fx.
//
// fx makes one value of each type, which is right for a connection pool and wrong for a
// transaction. A module therefore declares which values belong to a call:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(openDB), // func(fx.Lifecycle, *config.Config) (*sql.DB, error): one for the process
//		di.PerCall(InTx),   // func(*sql.DB) di.Provider[Store]: one for each call
//	)
//
// # Fields
//
// A service asks for both with the key inject: by type, and by name if there are several of a type.
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//		…
//		Store  Store   `inject:""`       // of the call, made by InTx
//		DB     *sql.DB `inject:""`       // of the process
//		Backup *sql.DB `inject:"backup"` // fx.Annotated{Name: "backup", Target: openBackup}
//	}
//
// If a type is provided both for the process and for each call, the field gets the call's value. A
// field that is set in the struct literal keeps its value, so a test of the service needs neither
// fx nor this package: &Orders{Store: fake}. A test of the module replaces what it provides:
// fx.Replace(db) or fx.Replace(di.Provider[Store](fake)).
//
// # Providers
//
// A [Provider] returns the value of a call and the [Done] that ends it:
//
//	func InTx(db *sql.DB) di.Provider[Store] {
//		return func(ctx context.Context) (Store, di.Done, error) {
//			tx, err := db.BeginTx(ctx, nil)
//			if err != nil {
//				return nil, nil, err
//			}
//			return &store{tx}, func(err error) error {
//				if err != nil {
//					return errors.Join(err, tx.Rollback())
//				}
//				return tx.Commit()
//			}, nil
//		}
//	}
//
// ctx is the call's: service.FromContext(ctx) returns the call, and ctx ends at its deadline.
//
// # Values that few calls use
//
// A field of type T is set in every call of a service, even for rows that do not use it. A [Lazy]
// makes the value when the call first uses it:
//
//	Tx di.Lazy[*sql.Tx] `inject:""`
//
// # The order of a call
//
// A call runs the middleware, decodes the arguments, and runs the providers in the order of their
// fields, the method, and the Dones in reverse order. Then the middleware returns, the outcome is
// logged, and the reply is sent. A caller that receives a reply therefore knows that its
// transaction is committed, or receives the error of the commit:
//
//	success                 Done(nil); its error is the call's error
//	error                   Done(the error); the error that it returns is the call's error
//	panic                   Done(*service.PanicError)
//	deadline exceeded       the caller is answered; Done(service.ErrTimeout) when the method returns
//	container killed        Done(service.ErrStopped) when the method returns
//	a provider fails        the method does not run; Done(that error) of the providers before it
//	a Done fails or panics  Done(that error) of the providers before it
//
// None of these ends the process. If a method succeeds after its deadline, its Dones receive
// service.ErrTimeout, because the caller has already been answered with a timeout.
//
// # Start
//
// A value that is not provided is reported when the container is made, with the service, the field
// and the fix:
//
//	service orders: Store: orders.InTx needs *sql.DB, which nothing provides: add fx.Provide(func(…) (*sql.DB, error)) to the module
//
// Constructors that a service needs run at that time too. The fx.Lifecycle hooks run when the
// container starts, before its services, and when it stops, after its services and within its grace
// period.
package di
