package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// An Outbox says when messages that a method sends through a field leave the process; see
// [Field.Outbox].
type Outbox string

// The values of the key outbox of a field's tag.
const (
	// SendNow, without the key, sends them immediately.
	SendNow Outbox = ""

	// OutboxMemory sends them after the call, if it succeeds; see [AfterCall].
	OutboxMemory Outbox = "memory"

	// OutboxDatabase stores them in the call's transaction, and sends them once it is committed; see
	// [Transaction].
	OutboxDatabase Outbox = "database"
)

// An outbox holds what is sent after one run of a method, in order, and the run's transaction.
type outbox struct {
	mu    sync.Mutex
	sends []func(ctx context.Context) error
	tx    any
	over  bool
}

type outboxKey struct{}

// errOver is the error of a message for an outbox whose call has ended.
var errOver = errors.New("outbox: the call has ended")

// Outbox reads the key outbox of the field's tag. With "memory", messages that a method sends
// through the field leave after the call's own values were closed, and so after its transaction was
// committed: pass a function that sends them to [AfterCall]. With "database", write them in the
// [Transaction] of the call.
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

// UseTransaction declares that the calls of the row may use a [Transaction]. Call it from
// Entrypoint if requests have [Request].Once.
func (r *Row) UseTransaction() { r.hosted.outbox, r.once = true, true }

// AfterCall arranges for send to be called after the method of the call has succeeded and the
// call's own values, such as a transaction, were closed without an error. If send fails, the call
// fails with that error, and later sends are skipped. If the call fails, nothing is sent. Outside
// of a call, and in a service in which no field has [Field.Outbox], AfterCall calls send
// immediately. After the call has ended, it returns an error.
//
// send receives the context of the call, and must not wait for a worker.
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

// SetTransaction declares that the call of ctx works in the transaction tx, which may have any
// type, because package service knows no database. Services call jobs.UseTx instead. Outside of a
// call, and in a service that has neither a field with [Field.Outbox] nor a row with
// [Row.UseTransaction], it does nothing.
func SetTransaction(ctx context.Context, tx any) {
	if o, _ := ctx.Value(outboxKey{}).(*outbox); o != nil {
		o.mu.Lock()
		o.tx = tx
		o.mu.Unlock()
	}
}

// Transaction returns the transaction that [SetTransaction] has set in the call of ctx, or nil.
// called reports whether it could have been set: whether ctx is that of a method whose call has not
// ended.
func Transaction(ctx context.Context) (tx any, called bool) {
	o, _ := ctx.Value(outboxKey{}).(*outbox)
	if o == nil {
		return nil, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tx, !o.over
}

// withOutbox returns the context of a run of a method, with an outbox if the service uses one.
func (h *hosted) withOutbox(ctx context.Context) context.Context {
	if !h.outbox {
		return ctx
	}
	return context.WithValue(ctx, outboxKey{}, new(outbox))
}

// sendOutbox sends the outbox of a run of a method that has succeeded. It returns the outcome of
// the run.
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

// ErrDuplicate is returned by [Request].Once for a call that ran before. The Dones of the call's
// values receive it.
var ErrDuplicate = errors.New("the call ran before, and its work was committed")

// errDuplicate is the error of a call whose method was not called, because it ran before. It is not
// ErrDuplicate itself, which a method might return.
var errDuplicate = fmt.Errorf("not again: %w", ErrDuplicate)

// once calls Request.Once, and reports whether the call ran before.
func (c *run) once(ctx context.Context) (again bool, err error) {
	err = c.request.Once(ctx)
	return errors.Is(err, ErrDuplicate), err
}
