// Package timers is a service with timers only. It checks a website twice a minute, and every ten
// minutes reports how often the site answered. It needs no broker.
//
//	gomeko run ./examples/timers
//
// It prints, as time passes:
//
//	18:20 https://example.org: 20 of 20
//	18:30 https://example.org: 17 of 20
//
// # Two timers
//
// Look is eager: it first runs at start. Its jitter keeps several processes from checking at the
// same moment. If ticks come while Look is still running, one call makes up for all of them, which
// is the default.
//
// Report covers the ten minutes before its tick, so no tick may be skipped: the method is called for
// late ticks, too. The [timer.Tick] has the time of each. If no report could be delivered for an
// hour, six follow.
package timers
