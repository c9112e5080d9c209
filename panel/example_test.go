package panel_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/sqlite"
	"github.com/gomeko/gomeko/transport"
)

// This program serves a panel, which is an http.Handler.
func ExampleNew() {
	if err := servePanel(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 200 OK
}

func servePanel(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "panel")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	b := broker.New(broker.Config{})
	defer b.Close(ctx)
	address, err := b.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	conn, err := transport.Dial(ctx, transport.Config{URI: "amqp://guest:guest@" + address.String() + "/"})
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	db, dialect, err := sqlite.Open(filepath.Join(folder, "panel.db"))(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	accounts, err := account.Open(ctx, db, dialect)
	if err != nil {
		return err
	}

	p, err := panel.New(ctx, panel.Config{Accounts: accounts, DB: db, Broker: conn, Title: "Warehouse"})
	if err != nil {
		return err
	}
	defer p.Close(ctx)
	server := httptest.NewServer(p) // or http.Server, with p as its Handler
	defer server.Close()

	response, err := http.Get(server.URL + "/login")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	return nil
}
