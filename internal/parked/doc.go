// Package parked shows the messages that are parked in a dead queue, and replays, drops, exports
// and imports them. A [Desk] gives access to one of these queues, to one process at a time:
//
//	desk, err := parked.Open(ctx, conn, "bills") // the queue that the messages failed in
//	…
//	defer desk.Close(ctx)
//	look, err := desk.Look(ctx)
//	…
//	done, err := desk.Take(ctx, parked.Work{Selection: parked.Selection{Error: "no table"}, Do: desk.Replay})
//
// Messages that are only looked at stay in the queue, in their order. A message that is taken is
// acknowledged after it has been replayed. If the process dies in between, the message exists
// twice; it is never lost.
package parked
