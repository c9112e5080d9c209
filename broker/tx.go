package broker

import (
	"cmp"
	"slices"

	"github.com/gomeko/gomeko/internal/frame"
)

// A transaction collects what a channel has published and settled since its last commit. It takes
// effect at the next one.
type transaction struct {
	publishings []routed
	settlements []settlement
}

func (ch *channel) selectTx() error {
	if ch.confirming {
		return exceptionf(codePreconditionFailed, "cannot switch from confirm to tx mode")
	}
	if ch.tx == nil {
		ch.tx = new(transaction)
	}
	return ch.answer(false, &frame.TxSelectOk{})
}

func (ch *channel) commit() error {
	if ch.tx == nil {
		return errNoTx()
	}
	done := ch.tx
	ch.tx = nil
	for _, r := range done.publishings {
		ch.push(r)
		ch.vhost.alarm.add(-r.memory())
		r.message.release(ch.vhost.alarm)
	}
	for _, s := range done.settlements {
		s.do(ch, s.taken)
	}
	ch.tx = new(transaction)
	return ch.answer(false, &frame.TxCommitOk{})
}

func (ch *channel) rollback() error {
	if ch.tx == nil {
		return errNoTx()
	}
	ch.undo()
	return ch.answer(false, &frame.TxRollbackOk{})
}

// undo discards the transaction, if there is one. The deliveries that it settled become unsettled
// again.
func (ch *channel) undo() {
	if ch.tx == nil {
		return
	}
	for _, r := range ch.tx.publishings {
		ch.vhost.alarm.add(-r.memory())
		r.message.release(ch.vhost.alarm)
	}
	if len(ch.tx.settlements) > 0 {
		all := ch.unsettled.takeAll()
		for _, s := range ch.tx.settlements {
			all = append(all, s.taken...)
		}
		slices.SortFunc(all, func(a, b *delivery) int { return cmp.Compare(a.tag, b.tag) })
		for _, d := range all {
			ch.unsettled.restore(d)
		}
	}
	ch.tx = new(transaction)
}

func errNoTx() error { return exceptionf(codePreconditionFailed, "channel is not transactional") }
