package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/sqlite"
)

// A separate program adds the first user.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "panel")
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
	editor := accounts.As(account.Actor{Name: "setup"})
	if err := editor.AddUser(ctx, account.NewUser{Name: "ann", Password: "correct horse battery"}); err != nil {
		log.Fatal(err)
	}
	u, err := accounts.User(ctx, "ann")
	fmt.Println(u.Name, err)
	// Output: ann <nil>
}
