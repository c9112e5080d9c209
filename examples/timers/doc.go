// Package timers is a service that nobody calls: it looks at a website twice a minute, and tells every ten minutes how often
// that has answered. It needs no broker.
//
//	gomeko run ./examples/timers
//
// prints, as time passes:
//
//	18:20 https://example.org: 20 of 20
//	18:30 https://example.org: 17 of 20
//
// # Two timers
//
// Look is eager, since there is something to see at once, and has a jitter, so that several of its kind do not look at the same moment.
// A look that is late is skipped, which is the default: the next one sees as much.
//
// Report has work of its own at each tick: the ten minutes before it. So its late ticks are caught up, and each tells its own
// time by the [timer.Tick]: when nobody could be told for an hour, six reports follow.
package timers
