package panel

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/examples/shop"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/sqlite"
	"github.com/gomeko/gomeko/service"
)

// Module contains the shop, its books, and the panel.
var Module = New("127.0.0.1:8080", "gomeko-panel.db", os.Stdout)

// New returns the application. It serves the panel on the address listen, keeps accounts in file,
// and writes the users and their passwords to out.
func New(listen, file string, out io.Writer) fx.Option {
	return fx.Module("panel",
		shop.Module,
		service.Provide(new(Books)),
		fx.Invoke(func(j *shop.Journal) { j.Step = 10 * time.Second }), // slow enough to watch
		panel.Module(panel.Serving{
			Config: panel.Config{Title: "Shop"},
			Listen: listen,
			Open:   sqlite.Open(file),
			Ready: func(ctx context.Context, url string, accounts *account.Accounts) error {
				_, _ = fmt.Fprintf(out, "The control panel is on %s\n", url)
				return addUsers(ctx, accounts, out)
			},
		}),
	)
}

// A user is someone who tries the panel.
type user struct {
	name   string
	groups []string
	left   string // the group from which the user is then removed
}

var users = []user{
	{name: "root"},
	{name: "ann", groups: []string{
		"shop/products/import", "shop/products/prices", "shop/products/index", "shop/availability/update", "shop/books/sales", "shop/books/refund",
		panel.SeeJobs, panel.SeeDead,
	}},
	{name: "bob", groups: []string{"shop/products/prices", "shop/books/sales"}, left: "shop/products"},
}

// addUsers adds the users with new passwords, and writes the passwords to out.
func addUsers(ctx context.Context, accounts *account.Accounts, out io.Writer) error {
	editor := accounts.As(account.Actor{Name: "examples/panel"})
	for _, u := range users {
		password := rand.Text()
		_, err := accounts.User(ctx, u.name)
		switch {
		case errors.Is(err, account.ErrUnknown):
			err = editor.AddUser(ctx, account.NewUser{Name: u.name, Password: password, Superuser: u.groups == nil})
		case err == nil:
			err = editor.SetPassword(ctx, u.name, password)
		}
		for _, group := range u.groups {
			err = errors.Join(err, editor.AddGroup(ctx, group), editor.Join(ctx, u.name, group))
		}
		if u.left != "" && err == nil {
			err = editor.Leave(ctx, u.name, u.left)
		}
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "user %-5s password %s\n", u.name, password)
	}
	return nil
}
