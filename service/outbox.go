package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// An Outbox says when what a method sends through a field leaves: see [Field.Outbox].
type Outbox string

// The values of the key outbox of a field's tag.
const (
	// SendNow is without the key: at once.
	SendNow Outbox = ""

	// OutboxMemory is after the call, if it succeeds: see [AfterCall].
	OutboxMemory Outbox = "memory"

	// OutboxDatabase is with the commit of the call's transaction, in which it is kept: see
	// [Transaction].
	OutboxDatabase Outbox = "database"
)

// An outbox has what one run of a method sends after it, in order, and its transaction.
type outbox struct {
	mu    sync.Mutex
	sends []func(ctx context.Context) error
	tx    any
	over  bool
}

type outboxKey struct{}

// errOver is the error of a message for an outbox whose call has ended.
var errOver = errors.New("outbox: the call has ended")

// Outbox reads the key outbox of the field's tag. With "memory", what a method sends through the
// field leaves after the call's own values were closed, so after its transaction was committed:
// pass the sending to [AfterCall]. With "database", write it into the [Transaction] of the call.
func (f *Field) Outbox() (Outbox, error) {
	switch text, ok := f.Tag.lookup("outbox"); {
	case !ok:
		return SendNow, nil
	case text == string(OutboxMemory), text == string(OutboxDatabase):
		f.hosted.outbox = true
		return Outbox(text), nil
	default:
		return SendNow, fmt.Errorf(`outbox %q is not known: write outbox:"database" or outbox:"memory", or remove it`, text)
	}
}

// UseTransaction says that the calls of the row may use a [Transaction]. Entrypoint calls it, if it
// sets [Request].Once.
func (r *Row) UseTransaction() { r.hosted.outbox, r.once = true, true }

// AfterCall has send called when the method of the call has succeeded and the call's own values,
// such as a transaction, were closed without an error. Its error is then the call's, and what comes
// after it is not sent. If the call fails, nothing is sent. AfterCall calls send at once outside of
// a call, and in a service without a field that has [Field.Outbox].
//
// ctx of send is that of the call. It must not wait for a worker.
func AfterCall(ctx context.Context, send func(ctx context.Context) error) error {
	o, _ := ctx.Value(outboxKey{}).(*outbox)
	if o == nil {
		return send(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return errOver
	}
	o.sends = append(o.sends, send)
	return nil
}

// SetTransaction says that the call of ctx works in the transaction tx, whatever that is: package
// service knows no database. Users call jobs.UseTx. Outside of a call, and in a service that has
// neither a field with [Field.Outbox] nor a row with [Row.UseTransaction], it does nothing.
func SetTransaction(ctx context.Context, tx any) {
	if o, _ := ctx.Value(outboxKey{}).(*outbox); o != nil {
		o.mu.Lock()
		o.tx = tx
		o.mu.Unlock()
	}
}

// Transaction returns what [SetTransaction] was called with in the call of ctx, nil if it was not.
// called reports whether it could have been: ctx is that of a method, and the call has not ended.
func Transaction(ctx context.Context) (tx any, called bool) {
	o, _ := ctx.Value(outboxKey{}).(*outbox)
	if o == nil {
		return nil, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tx, !o.over
}

// withOutbox returns the context of a run of a method.
func (h *hosted) withOutbox(ctx context.Context) context.Context {
	if !h.outbox {
		return ctx
	}
	return context.WithValue(ctx, outboxKey{}, new(outbox))
}

// sendOutbox sends what a run of a method has put into its outbox, if it has succeeded. It returns
// the outcome of the run.
func (c *run) sendOutbox(ctx context.Context, result any, err error) (_ any, failed error) {
	if !c.row.hosted.outbox {
		return result, err
	}
	o := ctx.Value(outboxKey{}).(*outbox)
	o.mu.Lock()
	sends := o.sends
	o.sends, o.tx, o.over = nil, nil, true
	o.mu.Unlock()
	if err == errDuplicate { //nolint:errorlint // the methods of others are not called here
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer recovered(&result, &failed)
	for i, send := range sends {
		if err := send(ctx); err != nil {
			return nil, fmt.Errorf("outbox: message %d of %d was not sent, after the call's values were closed: %w", i+1, len(sends), err)
		}
	}
	return result, nil
}

// ErrDuplicate is what [Request].Once returns for a call that ran before, and what the Dones of its
// values are called with.
var ErrDuplicate = errors.New("the call ran before, and its work was committed")

// errDuplicate is the error of a call whose method was not called, because it ran before. It is not
// ErrDuplicate itself, which a method might return.
var errDuplicate = fmt.Errorf("not again: %w", ErrDuplicate)

// once asks Request.Once whether the method is called. It reports whether that was done before.
func (c *run) once(ctx context.Context) (again bool, err error) {
	err = c.request.Once(ctx)
	return errors.Is(err, ErrDuplicate), err
}
