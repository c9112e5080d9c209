package service_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// Ledger is a dependency that reports its health.
type Ledger struct{ db *sql.DB }

// Health only asks the database, because other services are checked by their own processes.
func (l *Ledger) Health(ctx context.Context) error {
	if l.db == nil {
		return errors.New("no database")
	}
	return l.db.PingContext(ctx)
}

// Accounts is a service that uses the ledger.
type Accounts struct {
	_ service.Name `service:"accounts"`

	Ledger *Ledger `inject:""`
}

// A dependency with the method Health is checked while the services run.
func ExampleHealthChecker() {
	container, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)},
		new(Accounts), fx.Provide(func() *Ledger { return new(Ledger) }))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range container.Host().Health() {
		fmt.Println(s.Name, s.Services, s.Failing)
	}
	// Output: service_test.Ledger [accounts] false
}
