// Package timer calls methods of a service again and again, as Nameko's timer does.
//
// # Interval
//
// An [Interval] is a row of a service's entrypoint table, the tag the time from tick to tick:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			Sweep timer.Interval `timer:"1m"`
//		}
//	}
//
//	// Sweep is called each minute.
//	func (o *Orders) Sweep(ctx context.Context) error
//
// A tick is a call like any other: it takes one of the service's workers, passes through the
// middleware, has its own injected values, and its errors are logged. timeout:"30s" limits it. No call
// is its parent: its call id stack is its own id, and its context data is empty (see
// docs/wire/nameko.md, Timers). A result beside the error is dropped. Neither an error nor a panic
// ends the timer.
//
// Each process has timers of its own: in a fleet of three a row ticks three times as often. They need no broker.
//
// # When it ticks
//
// The first tick is due an interval after the start, the nth n intervals after it: how long calls take moves none of them.
// Three keys change that:
//
//   - eager:"true" has one more tick, at the start.
//   - jitter:"5s" delays each tick, the eager one too, by a time of its own below that, so that processes which were started
//     together do not tick together. The next one is due as if there had been none.
//   - late:"catchup" runs what is late one after the other, without a pause, until no tick is late. The default is "skip".
//
// Calls of a row do not overlap: a tick that is due while the one before it runs, or waits for a worker, is late. Late ticks are
// skipped: the next one is the first whose time has not passed, and a warning is logged that says how many were left out.
//
// Nameko catches up. That is right where each tick has work of its own, such as a report on each minute. Most ticks do whatever
// there is to do, so that one does the work of all that were late, and a burst of them would hit whom a slow call has just hit:
// that is why skipping is the default.
//
// A method which still runs when the row's timeout has ended, since it does not heed its ctx, is no longer waited for; with
// max_workers:"1" on the row the next tick waits for that too.
//
// # Tick
//
// A method that wants to know which tick it is takes a [Tick] after ctx:
//
//	// Report tells what was sold in the minute before tick.Time.
//	func (o *Orders) Report(ctx context.Context, tick timer.Tick) error
//
// # Stop
//
// When the service stops there are no further ticks, be they late or not; the call that runs, or waits for a worker, is waited for.
//
// # Tests
//
// A method is tested without its timer, by a call of it, or by Run of servicetest:
//
//	_, err := h.Run(ctx, "orders.Report", timer.Tick{Time: noon})
//
// With its timer it is tested in a bubble of testing/synctest, where an hour of ticks takes no time.
package timer
