package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// An outbox has what one run of a method sends after it, in order.
type outbox struct {
	mu    sync.Mutex
	sends []func(ctx context.Context) error
	over  bool
}

type outboxKey struct{}

// errOver is the error of a message for an outbox whose call has ended.
var errOver = errors.New("outbox: the call has ended")

// Outbox reads the key outbox of the field's tag. With "memory", what a method sends through the
// field leaves after the call's own values were closed, so after its transaction was committed:
// pass the sending to [AfterCall].
func (f *Field) Outbox() (memory bool, err error) {
	switch text, ok := f.Tag.lookup("outbox"); {
	case !ok:
		return false, nil
	case text == "memory":
		f.hosted.outbox = true
		return true, nil
	default:
		return false, fmt.Errorf(`outbox %q is not known: write outbox:"memory", or remove it`, text)
	}
}

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
	o.sends, o.over = nil, true
	o.mu.Unlock()
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
