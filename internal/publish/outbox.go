package publish

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// An Outbox stores messages in the database, in the transaction of a call, and publishes them when
// the transaction is committed.
type Outbox interface {
	// Add stores m, which must be complete, in the transaction of the call of ctx. The messages of
	// one line are published in the order in which they were added. If the call has no transaction,
	// it returns an error that says so.
	Add(ctx context.Context, line string, m transport.Publishing) error
}

// An Inbox records which messages a consumer has handled.
type Inbox interface {
	// Handle records, in the transaction of the call of ctx, that the consumer handles a message.
	// It returns a [service.ErrDuplicate] if a committed transaction has recorded it before.
	Handle(ctx context.Context, consumer, messageID string) error
}

// Transactions provides the outbox and the inbox of a container. It is a configuration value, found
// by its type; jobs.Config implements it.
type Transactions interface {
	Outbox(host *service.Host) (Outbox, error)
	Inbox(host *service.Host) (Inbox, error)
}

// errNoTransactions is the error for a container without a database.
var errNoTransactions = errors.New(`needs a store in the database of your transactions: set gomeko.jobs.store in the configuration, or pass service.Configure(jobs.Config{Store: …})`)

// outboxOf returns the outbox of a container.
func outboxOf(host *service.Host) (Outbox, error) {
	t, ok := service.LookupImplementing[Transactions](host)
	if !ok {
		return nil, fmt.Errorf(`outbox:"database" %w; or write outbox:"memory"`, errNoTransactions)
	}
	o, err := t.Outbox(host)
	if err != nil {
		return nil, fmt.Errorf(`outbox:"database" %w`, err)
	}
	return o, nil
}

// InboxOf returns the inbox of a container.
func InboxOf(host *service.Host) (Inbox, error) {
	t, ok := service.LookupImplementing[Transactions](host)
	if !ok {
		return nil, fmt.Errorf(`inbox:"true" %w`, errNoTransactions)
	}
	i, err := t.Inbox(host)
	if err != nil {
		return nil, fmt.Errorf(`inbox:"true" %w`, err)
	}
	return i, nil
}

// NewID returns an id for a message.
func NewID() string { return id.New("") }

// keep stores m in the transaction of the call. It gives m an id, because m may be published twice.
func (p *Publisher) keep(ctx context.Context, conn *transport.Conn, m transport.Publishing) error {
	if m.MessageID == "" {
		m.MessageID = NewID()
	}
	if err := conn.Check(m); err != nil {
		return err
	}
	return p.database.Add(ctx, strings.Join([]string{p.service, m.Exchange, m.Key}, " "), m)
}
