package messaging

import (
	"context"
	"errors"
	"sync"

	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/service"
)

// An Outbox keeps messages in the database, in the transaction of a call, and publishes them once
// that is committed. Fields with outbox:"database" need one; package jobs provides it.
type Outbox = publish.Outbox

// An Inbox notes which messages a consumer has handled. Rows with inbox:"true" need one; package
// jobs provides it.
type Inbox = publish.Inbox

// Transactions provides the [Outbox] and the [Inbox] of a container. Fields and rows use the
// configuration value that implements it, such as jobs.Config. Its methods are called when fields
// and rows are bound; their errors are reported as mistakes in the services.
type Transactions = publish.Transactions

// An inbox ensures that each message of a row is handled once.
type inbox struct {
	row      *service.Row
	consumer string // the queue, not the row: its messages may go to another row next time
	inbox    Inbox
	warned   sync.Once
}

// inboxOf returns the inbox of a row.
func inboxOf(r *service.Row, queue string) (*inbox, error) {
	i, err := publish.InboxOf(r.Host)
	if err != nil {
		return nil, err
	}
	r.UseTransaction()
	return &inbox{row: r, consumer: queue, inbox: i}, nil
}

// once returns the check to run before the call of a message. A message without an id is handled
// each time that it arrives.
func (i *inbox) once(messageID string) func(ctx context.Context) error {
	if messageID == "" {
		i.warned.Do(func() {
			i.row.Logger().Warn("a message has no message_id: one that comes twice is handled twice", "queue", i.consumer,
				"remedy", `write message_id:"true" in the tag of the field that sends it, or set the property`)
		})
		return nil
	}
	return func(ctx context.Context) error {
		err := i.inbox.Handle(ctx, i.consumer, messageID)
		if errors.Is(err, service.ErrDuplicate) {
			i.row.Logger().Info("message acknowledged without a call: it was handled before", "queue", i.consumer, "message_id", messageID)
		}
		return err
	}
}
