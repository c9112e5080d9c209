package di_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// Button is an entrypoint that a test can press. That calls the row's method, as a request does for
// an rpc.Method.
type Button struct{}

// Buttons are the buttons of a container by their labels.
type Buttons map[string]*service.Row

func (Button) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	buttons, _ := service.Lookup[Buttons](r.Host)
	buttons[r.Tag.Get("button")] = r
	_, err := r.Bind(r.Tag.Get("button"))
	return &Button{}, errors.Join(err, r.Tag.Keys("button"))
}

func (*Button) Start(context.Context) error { return nil }
func (*Button) Stop(context.Context) error  { return nil }

// Ledger is a service that writes to a transaction for each call.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Pay   Button `button:"pay"`
		Steal Button `button:"steal"`
	}

	Entries Entries `inject:""`
}

// Entries is what a ledger needs from a database. Tests can replace it.
type Entries interface{ Add(amount int) error }

func (l *Ledger) Pay(context.Context) error { return l.Entries.Add(7) }
func (l *Ledger) Steal(context.Context) error {
	return errors.Join(l.Entries.Add(-7), errors.New("caught"))
}

// A Database lives as long as the process, and a Tx as long as a call.
type (
	Database struct{ name string }
	Tx       struct{ db *Database }
)

func openDatabase(lc fx.Lifecycle) *Database {
	db := &Database{"ledger.db"}
	lc.Append(fx.StartStopHook(
		func() { fmt.Println("open", db.name) },
		func() { fmt.Println("close", db.name) },
	))
	return db
}

func (t *Tx) Add(amount int) error { fmt.Println("  add", amount); return nil }
func (t *Tx) Commit() error        { fmt.Println("commit"); return nil }
func (t *Tx) Rollback() error      { fmt.Println("roll back"); return nil }

// InTx makes a transaction for each call, which is committed if the call succeeds.
func InTx(db *Database) di.Provider[Entries] {
	return func(ctx context.Context) (Entries, di.Done, error) {
		fmt.Println("begin", service.FromContext(ctx).Method)
		tx := &Tx{db}
		return tx, func(err error) error {
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
			return tx.Commit() // the caller receives its error
		}, nil
	}
}

func ExamplePerCall() {
	module := fx.Module("ledger",
		service.Provide(new(Ledger)),
		fx.Provide(openDatabase),
		di.PerCall(InTx),
	)

	buttons := Buttons{}
	c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, module, service.Configure(buttons))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	_, err = buttons["pay"].Run(ctx, service.Request{})
	fmt.Println("paid:", err)
	_, err = buttons["steal"].Run(ctx, service.Request{})
	fmt.Println("stolen:", err)
	_ = c.Stop(ctx)
	// Output:
	// open ledger.db
	// begin pay
	//   add 7
	// commit
	// paid: <nil>
	// begin steal
	//   add -7
	// roll back
	// stolen: caught
	// close ledger.db
}
