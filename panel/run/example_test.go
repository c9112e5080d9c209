package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/panel/sqlite"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Stock is a service that users run from a control panel.
type Stock struct {
	_ service.Name `service:"stock" allow:"control_panel"`

	Entrypoints struct {
		Count rpc.Method `rpc:"count(warehouse)" allow:"stock"`
	}
}

func (*Stock) Count(_ context.Context, warehouse string) (string, error) {
	return "7 boxes in " + warehouse, nil
}

// Ann may count the stock, and bob may not.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "panel-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, dialect, err := sqlite.Open(filepath.Join(dir, "panel.db"))(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	accounts, err := account.Open(ctx, db, dialect)
	if err != nil {
		log.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	b := broker.New(broker.Config{Logger: quiet})
	defer b.Close(ctx)
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }
	embedded := transport.Config{URI: "amqp://embedded/", Dial: dial, Logger: quiet}
	worker, err := service.New(service.Config{Logger: quiet}, new(Stock), service.Configure(embedded), service.Configure(fleet.Control(fleet.ControlConfig{})))
	if err != nil {
		log.Fatal(err)
	}
	if err := worker.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer worker.Stop(ctx)
	conn, err := transport.Dial(ctx, embedded)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	runs, err := run.Open(ctx, run.Config{DB: db, Dialect: account.SQLite, Accounts: accounts, Conn: conn, Logger: quiet})
	if err != nil {
		log.Fatal(err)
	}
	defer runs.Close(ctx)
	count := run.Request{Service: "stock", Row: "Count", Arguments: json.RawMessage(`{"warehouse": "Burgos"}`), Nonce: "of the form"}

	bob := run.Who{User: &account.User{Name: "bob", Groups: []string{"control_panel"}}, Address: "203.0.113.8"}
	_, err = runs.Start(ctx, bob, count)
	if denied := (*run.DeniedError)(nil); errors.As(err, &denied) {
		fmt.Println("403:", err)
	}

	ann := run.Who{User: &account.User{Name: "ann", Groups: []string{"control_panel", "control_panel/stock"}}, Address: "203.0.113.7"}
	x, err := runs.Start(ctx, ann, count)
	if err == nil {
		x, err = runs.Wait(ctx, ann, x.ID)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.State, string(x.Result))
	// Output:
	// 403: user bob is not in the group control_panel/stock, which stock.Count needs
	// succeeded "7 boxes in Burgos"
}
