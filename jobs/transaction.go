package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/internal/wait"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
)

// UseTx sets tx as the transaction of the call of ctx. Call it in the di.Provider that begins the
// transaction:
//
//	tx, err := db.BeginTx(ctx, nil)
//	if err != nil {
//		return nil, nil, err
//	}
//	jobs.UseTx(ctx, tx)
//
// Fields with outbox:"database" then write into tx what they send, and it is sent only if tx is
// committed. Rows with inbox:"true" record in tx which message they handle. The store must be in
// the database of tx. In a service without such fields and rows, UseTx does nothing.
func UseTx(ctx context.Context, tx store.Executor) { service.SetTransaction(ctx, tx) }

// errNoTx is the error of a call for which UseTx was not called.
var errNoTx = errors.New("the call has no transaction: write jobs.UseTx(ctx, tx) in the di.Provider that begins it, after BeginTx")

// txOf returns the transaction of the call of ctx.
func txOf(ctx context.Context) (store.Executor, error) {
	value, called := service.Transaction(ctx)
	tx, _ := value.(store.Executor)
	switch {
	case !called:
		return nil, errors.New("it is used outside of a call, or after it: only the method of a call has a transaction")
	case tx == nil:
		return nil, errNoTx
	}
	return tx, nil
}

// errNeedsStore is the error for a key that needs a store.
var errNeedsStore = errors.New("needs a store in the database of your transactions: set gomeko.jobs.store, or the Store of jobs.Config")

// Outbox implements [messaging.Transactions]. It returns the outbox that keeps the messages of
// fields with outbox:"database" in the store, and publishes them.
func (c Config) Outbox(host *service.Host) (messaging.Outbox, error) {
	if !c.hasStore() {
		return nil, errNeedsStore
	}
	o, err := service.Shared(host, newOutbox)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Inbox implements [messaging.Transactions]. It returns the inbox that records in the store, for 7
// days, which messages rows with inbox:"true" have handled.
func (c Config) Inbox(host *service.Host) (messaging.Inbox, error) {
	if !c.hasStore() {
		return nil, errNeedsStore
	}
	i, err := service.Shared(host, newInbox)
	if err != nil {
		return nil, err
	}
	return i, nil
}

// ready returns the store of a container, after checking that it has this program's tables.
func (s *storage) ready(ctx context.Context) (*store.Store, error) {
	if s.store == nil {
		return nil, errNoStore
	}
	if err := s.store.Check(ctx); err != nil {
		return nil, err
	}
	_, err := s.store.ID(ctx) // it is in the cache of the store from here on
	return s.store, err
}

// rememberFor is how long the inbox remembers a handled message.
const rememberFor = 7 * 24 * time.Hour

// An inbox records which messages were handled, and forgets them after rememberFor.
type inbox struct {
	host    *service.Host
	storage *storage
	store   *store.Store // nil before Setup
	background
}

func newInbox(host *service.Host) (*inbox, error) {
	s, err := storageOf(host)
	return &inbox{host: host, storage: s}, err
}

// Setup checks the store.
func (i *inbox) Setup(ctx context.Context) (err error) {
	i.store, err = i.storage.ready(ctx)
	return err
}

// Start starts the goroutine that forgets messages.
func (i *inbox) Start(context.Context) error {
	i.begin(i.host, i.prune)
	return nil
}

// Handle implements [messaging.Inbox].
func (i *inbox) Handle(ctx context.Context, consumer, messageID string) error {
	tx, err := txOf(ctx)
	if errors.Is(err, errNoTx) {
		err = fmt.Errorf("%w. The field of its value must not be a di.Lazy", err)
	}
	if err != nil {
		return fmt.Errorf(`inbox:"true": %w`, err)
	}
	first, err := i.store.Handle(ctx, tx, consumer, messageID)
	switch {
	case err != nil:
		return fmt.Errorf("inbox: %w", err)
	case !first:
		return fmt.Errorf("message %s: %w", messageID, service.ErrDuplicate)
	}
	return nil
}

// prune forgets messages from time to time.
func (i *inbox) prune(ctx context.Context) {
	for wait.For(ctx, pruneEvery) {
		for {
			n, err := i.store.PruneInbox(ctx, rememberFor, pruneBatch)
			if err != nil && ctx.Err() == nil {
				i.host.Logger().Warn("inbox: old messages cannot be forgotten", "err", err)
			}
			if err != nil || n < pruneBatch {
				break
			}
		}
	}
}

// A background is a goroutine that a container starts and stops.
type background struct {
	end   context.CancelFunc // nil before Start
	ended chan struct{}      // closed when run has returned
}

func (b *background) begin(host *service.Host, run func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(host.Context())
	b.end, b.ended = cancel, make(chan struct{})
	go func() {
		defer close(b.ended)
		run(ctx)
	}()
}

// Stop ends the goroutine.
func (b *background) Stop(context.Context) error {
	if b.end != nil {
		b.end()
		<-b.ended
	}
	return nil
}

// Kill makes the goroutine end, without waiting for it.
func (b *background) Kill() {
	if b.end != nil {
		b.end()
	}
}
