package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/postgres"
)

// TestOpen checks that the accounts are in the schema of the URL.
func TestOpen(t *testing.T) {
	url := hosttest.Schema(t)
	db, dialect, err := postgres.Open(url)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	accounts, err := account.Open(t.Context(), db, dialect)
	if err != nil {
		t.Fatal(err)
	}
	if err := accounts.As(account.Actor{Name: "setup"}).AddUser(t.Context(), account.NewUser{Name: "ann", Password: "correct horse battery"}); err != nil {
		t.Fatal(err)
	}
	if u, err := accounts.User(t.Context(), "ann"); err != nil || u.Name != "ann" {
		t.Errorf("got %+v, %v", u, err)
	}
}

// TestOpenMistakes checks the error for a server that does not answer, which must not contain the
// password of the URL.
func TestOpenMistakes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := postgres.Open("postgres://panel:secret@127.0.0.1:1/panel")(ctx)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an error without the password", err)
	}
}
