// Package di gives services what they need: what lives as long as the process comes from go.uber.org/fx, what lives as
// long as a call from a [Provider].
//
// fx makes one value of each type, in the order in which they need each other, and that is right for a pool of
// connections and wrong for a transaction. So an application says which of its values a call has for itself:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		fx.Provide(openDB), // func(fx.Lifecycle, *config.Config) (*sql.DB, error): one
//		di.PerCall(InTx),   // func(*sql.DB) di.Provider[Store]: one a call
//	)
//
// # Fields
//
// A service asks for both in the same way, by type, and where there are several of a type also by name:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//		…
//		Store  Store   `inject:""`       // of each call, as PerCall says
//		DB     *sql.DB `inject:""`       // of the process
//		Backup *sql.DB `inject:"backup"` // fx.Annotated{Name: "backup", Target: openBackup}
//	}
//
// Of a type that is provided in both ways the field has the one of the call. A field that the struct literal has set keeps its
// value, so tests need neither fx nor this package: &Orders{Store: fake}. A test of the whole module replaces what it
// likes: fx.Replace(db), or fx.Replace(di.Provider[Store](fake)).
//
// # Providers
//
// A [Provider] runs in each call when the arguments are decoded, and returns the value and the [Done] that ends it:
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
// ctx is the call's: it knows the caller, and ends with the call's time.
//
// # The order of a call
//
// middleware, arguments, providers in the order of their fields, method, Dones in reverse, middleware, log, reply. So a
// caller that has its reply knows that what it asked for is committed, and a commit that fails is the
// caller's error:
//
//	success                 Done(nil), its error is the call's
//	error                   Done(the error), and what it returns is the call's
//	panic                   Done(*service.PanicError)
//	time over               the caller is answered; Done(service.ErrTimeout) when the method returns
//	container killed        Done(service.ErrStopped) when the method returns
//	a provider fails        the method is not run; Done(that error) of those before it
//	a Done fails or panics  Done(that error) of those before it
//
// None of these ends the process. A method that ignores the end of its ctx is too late even if it succeeds: its
// Dones get the timeout, since its caller was told so.
//
// # Start
//
// What is missing is found when the application is made, and told with service, field and remedy:
//
//	service orders: Store: orders.InTx needs *sql.DB, which nothing provides: add fx.Provide(func(…) (*sql.DB, error)) to the module
//
// Constructors run then too, if anything needs them; fx.Lifecycle hooks run when the container starts, before its
// services, and when it stops, after them, within its time.
package di
