package main

import (
	"context"
	"database/sql"
	"errors"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// This file measures what it costs to send an event with the commit of a transaction: beside the
// transaction alone, and beside an event that is dispatched after it.

// A Button is an entrypoint that the benchmark presses.
type Button struct{}

// buttons are the rows of a container, by name.
type buttons map[string]*service.Row

// Entrypoint binds the row.
func (Button) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	all, _ := service.Lookup[buttons](r.Host)
	all[r.Tag.Get("button")] = r
	_, err := r.Bind(r.Tag.Get("button"))
	return &pressed{}, errors.Join(err, r.Tag.Keys("button"))
}

type pressed struct{ _ byte }

func (*pressed) Start(context.Context) error { return nil }
func (*pressed) Stop(context.Context) error  { return nil }

// textKey is the key of the text that is inserted and sent.
type textKey struct{}

// A Bench inserts a row in each call.
type Bench struct {
	_ service.Name `service:"bench"`

	Entrypoints struct {
		Plain  Button `button:"plain"`
		Direct Button `button:"direct"`
		Outbox Button `button:"outbox"`
	}

	Tx     *sql.Tx           `inject:""`
	Memory events.Dispatcher `outbox:"memory"`
	Kept   events.Dispatcher `outbox:"database"`
}

func (b *Bench) insert(ctx context.Context) (text string, err error) {
	text, _ = ctx.Value(textKey{}).(string)
	_, err = b.Tx.ExecContext(ctx, `INSERT INTO bench_sold (text) VALUES ($1)`, text)
	return text, err
}

// Plain sends nothing.
func (b *Bench) Plain(ctx context.Context) error {
	_, err := b.insert(ctx)
	return err
}

// Direct dispatches an event after the commit, and waits for the broker's confirm.
func (b *Bench) Direct(ctx context.Context) error {
	text, err := b.insert(ctx)
	if err != nil {
		return err
	}
	return b.Memory(ctx, "happened", text)
}

// Outbox dispatches it with the commit.
func (b *Bench) Outbox(ctx context.Context) error {
	text, err := b.insert(ctx)
	if err != nil {
		return err
	}
	return b.Kept(ctx, "happened", text)
}

// inTx begins the transaction of a call.
func inTx(db *sql.DB) di.Provider[*sql.Tx] {
	return func(ctx context.Context) (*sql.Tx, di.Done, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, nil, err
		}
		jobs.UseTx(ctx, tx)
		return tx, func(err error) error {
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
			return tx.Commit()
		}, nil
	}
}

// runOutbox hosts a Bench, whose row args[2] is called.
func runOutbox(ctx context.Context, r *role, args []string) error {
	s, err := openStore(ctx, args[1])
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", args[1])
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(writers)
	db.SetMaxIdleConns(writers)
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS bench_sold (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL)`); err != nil {
		return err
	}
	rows := map[string]*service.Row{}
	c, err := service.New(service.Config{Logger: quiet, MaxWorkers: workers},
		fx.Module("bench", service.Provide(new(Bench)), fx.Supply(db), di.PerCall(inTx)),
		service.Configure(transport.Config{URI: args[0]}), service.Configure(jobs.Config{Store: s}), service.Configure(buttons(rows)))
	if err != nil {
		return err
	}
	row := rows[args[2]]
	r.call = func(ctx context.Context, text string) error {
		_, err := row.Run(context.WithValue(ctx, textKey{}, text), service.Request{})
		return err
	}
	return c.Start(ctx)
}

// writers is how many connections to the database the transactions share.
const writers = 16

// listenOutbox hosts the Listener of the events.
func listenOutbox(ctx context.Context, r *role, args []string) error {
	return handleGomeko(ctx, r, []string{args[0], "one"})
}

func outboxGroups() []*group {
	of := func(name, row string, copies int) contestant {
		return contestant{name: name, broker: rabbitMQ, store: postgreSQL, server: []string{"outbox listener"}, client: []string{"outbox", row}, copies: copies}
	}
	return []*group{{
		title: "Events with a transaction",
		unit:  "transactions",
		about: "64 callers, each of which inserts a row in a transaction on PostgreSQL, which syncs each commit, over 16 connections. Rates are of events that were handled by another process, where there are events; p50 and p99 are of the call: after the commit with the outbox, after the broker's confirm without it.",
		contestants: []contestant{
			of("gomeko, no event", "plain", 0),
			of("gomeko, dispatched after the commit", "direct", 1),
			of("gomeko, by the outbox", "outbox", 1),
		},
		scenarios: []scenario{{"outbox/throughput", order{Callers: 64, Size: 50}}},
	}}
}
