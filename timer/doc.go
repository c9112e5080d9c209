// Package timer calls methods of a service periodically, or at the times of a cron expression.
//
// # Interval
//
// An [Interval] is an entrypoint row, like Nameko's timer. Its tag is the time from tick to tick:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			Sweep  timer.Interval `timer:"1m"`
//			Purge  timer.Interval `timer:"1h" once:"fleet"`
//			Report timer.Cron     `timer:"30 2 * * *" tz:"Europe/Madrid"`
//		}
//	}
//
//	// Sweep is called every minute, in every process.
//	func (o *Orders) Sweep(ctx context.Context) error
//
// Every process has its own intervals: in a fleet of three, Sweep is called three times a minute.
// With once:"fleet" one process makes the call. Without that key, a row needs no broker.
//
// The first tick is due one interval after the start, and the nth n intervals after it. The
// duration of a call does not shift the ticks.
//
// # Cron
//
// A [Cron] row is called at the times of a cron expression in the time zone tz (UTC by default), by
// one process of the fleet each time. Package [cron] describes the expressions, and what happens
// when clocks change; gomeko cron next prints when one ticks.
//
// # Once in the fleet
//
// The processes that have the row pass a token on through the broker; the process that holds it
// makes the calls. They need no database and no leader, and another process takes over as soon as
// the broker notices that the holder is gone. Ticks are called at least once: after a crash in the
// middle of a call, the call is made again elsewhere. See package fleet, which package runner and
// package servicetest configure.
//
// # Late ticks
//
// A tick is late if the previous call had not ended, if no process was running, or if the clock was
// set forward. The tag key missed says what happens to late ticks:
//
//   - missed:"once", the default, makes one call for all of them. Its [Tick] has their number.
//   - missed:"all" makes a call for each, one after the other, for up to 1000 ticks.
//   - missed:"skip" makes none: a tick that is late by more than half the time to the following
//     one, or more than three minutes, is not called.
//
// If the clock is set back, no tick is called again.
//
// # Further keys
//
//   - eager:"true" adds a tick at the start. A row that ticks once in the fleet has it only at its
//     very first start.
//   - jitter:"5s" delays each tick by a random time below 5s, to keep processes that were started
//     together from ticking together. Delays do not add up.
//   - overlap:"allow" starts the call of a tick even if the previous one runs, and overlap:"queue"
//     makes the calls one after the other without counting ticks as late. With both, a tick counts
//     as called when its call begins: a crash loses the call. The default, overlap:"skip", never
//     overlaps and never loses a tick.
//   - timeout:"30s" limits the call. A row that ticks once in the fleet may have at most 25
//     minutes. For longer work, use a jobs.Job with the key cron.
//
// # Calls
//
// A tick is a call like any other: it takes a worker, runs the service's middleware, receives
// per-call dependencies, and its errors are logged. It has no parent call and no context data. A
// result is discarded. Errors and panics do not stop the timer. The call's id ends with the nominal
// time of the tick if the row ticks once in the fleet.
//
// A method that depends on the time of its tick takes a [Tick] after ctx:
//
//	// Report reports the sales of the day before tick.Nominal.
//	func (o *Orders) Report(ctx context.Context, tick timer.Tick) error
//
// A method that ignores its context and runs past the row's timeout is not waited for. With
// max_workers:"1" on the row, the next tick waits for it.
//
// When the service stops, the ticks end, including late ones. A call that is running or waiting for
// a worker is completed.
//
// # Tests
//
// Call the method, or run the row with servicetest:
//
//	_, err := h.Run(ctx, "orders.Report", timer.Tick{Nominal: noon})
//
// To test the schedule, use a testing/synctest bubble, in which a year of ticks takes seconds.
package timer
