// Package timer calls methods of a service periodically, as Nameko's timer does. It needs no
// broker.
//
// # Interval
//
// An [Interval] is an entrypoint row. Its tag is the time from tick to tick:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			Sweep timer.Interval `timer:"1m"`
//		}
//	}
//
//	// Sweep is called every minute.
//	func (o *Orders) Sweep(ctx context.Context) error
//
// A tick is a call like any other: it takes a worker, runs the service's middleware, receives
// per-call dependencies, and its errors are logged. The tag key timeout:"30s" limits it. It has no
// parent call and no context data (see docs/wire/nameko.md, Timers). A result is discarded. Errors
// and panics do not stop the timer.
//
// Every process has its own timers: in a fleet of three, a row ticks three times as often.
//
// # Schedule
//
// The first tick is due one interval after the start, and the nth n intervals after it. The
// duration of a call does not shift the schedule. Three tag keys change it:
//
//   - eager:"true" adds a tick at the start.
//   - jitter:"5s" delays each tick, the eager one too, by a random time below 5s, so that processes
//     that were started together do not tick together. Delays do not add up.
//   - late:"catchup" runs late ticks one after the other, without a pause, until none is late. The
//     default is late:"skip".
//
// Calls of a row do not overlap. A tick that is due while the previous one runs, or waits for a
// worker, is late. Late ticks are skipped: the next tick is the first that is not late yet, and a
// warning is logged with the number of skipped ticks.
//
// Nameko catches up. That suits ticks with individual work, such as a report for each minute. Most
// ticks do whatever work there is, so that one tick does the work of all late ones, and a burst of
// ticks would only add load after a slow call. So skipping is the default.
//
// A method that ignores its context and runs past the row's timeout is not waited for. With
// max_workers:"1" on the row, the next tick waits for it.
//
// # Tick
//
// A method that depends on the time of its tick takes a [Tick] after ctx:
//
//	// Report reports the sales of the minute before tick.Time.
//	func (o *Orders) Report(ctx context.Context, tick timer.Tick) error
//
// # Stop
//
// When the service stops, the ticks end, late ones too. A call that is running or waiting for a
// worker is completed.
//
// # Tests
//
// Call the method, or run the row with servicetest:
//
//	_, err := h.Run(ctx, "orders.Report", timer.Tick{Time: noon})
//
// To test the schedule, use a testing/synctest bubble, in which an hour of ticks takes no time.
package timer
