package account_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/sqlite"
)

// A user may do what a path allows if they are in all of its groups.
func ExampleUser_Missing() {
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

	root := accounts.As(account.Actor{Name: "root", Address: "203.0.113.7"})
	err = errors.Join(
		root.AddUser(ctx, account.NewUser{Name: "ann", Password: "correct horse battery"}),
		root.AddGroup(ctx, "control_panel/dashboard/reports"),
		root.Join(ctx, "ann", "control_panel/dashboard/reports"),
		root.Leave(ctx, "ann", "control_panel/dashboard"),
	)
	if err != nil {
		log.Fatal(err)
	}

	ann, err := accounts.Login(ctx, "ann", "correct horse battery", "203.0.113.8")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("missing: %q\n", ann.Missing("control_panel/dashboard/reports"))

	entries, err := accounts.Entries(ctx, account.Filter{Object: "ann", Limit: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, x := range entries {
		fmt.Println(x.Actor.Name, x.Action, x.Object, x.Details)
	}
	// Output:
	// missing: "control_panel/dashboard"
	// ann login ann map[]
	// root user.leave ann map[group:control_panel/dashboard]
}
