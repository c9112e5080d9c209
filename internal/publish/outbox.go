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

// An Outbox keeps messages in the database of a call's transaction, and publishes them when the
// transaction is committed.
type Outbox interface {
	// Add writes m, which is complete, into the transaction of the call of ctx. The messages of one
	// line are published in the order of the calls of Add. The error says so if the call has no
	// transaction.
	Add(ctx context.Context, line string, m transport.Publishing) error
}

// An Inbox notes which messages a consumer has handled.
type Inbox interface {
	// Handle notes, in the transaction of the call of ctx, that the consumer handles a message. The
	// error is a [service.ErrDuplicate] if a transaction that was committed has noted it before.
	Handle(ctx context.Context, consumer, messageID string) error
}

// Transactions has the outbox and the inbox of a container. A configuration value that implements
// it is found by its type: jobs.Config does.
type Transactions interface {
	Outbox(host *service.Host) (Outbox, error)
	Inbox(host *service.Host) (Inbox, error)
}

// errNoTransactions is the error of a container without a database.
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

// keep writes m into the transaction of the call. It may be published twice, so it gets an id.
func (p *Publisher) keep(ctx context.Context, conn *transport.Conn, m transport.Publishing) error {
	if m.MessageID == "" {
		m.MessageID = NewID()
	}
	if err := conn.Check(m); err != nil {
		return err
	}
	return p.database.Add(ctx, strings.Join([]string{p.service, m.Exchange, m.Key}, " "), m)
}
