// Package fleet has what the processes of a fleet agree on through the broker.
//
// # Timers
//
// [Timers] makes rows of package timer tick in one process of the fleet at a time. Package runner
// and package servicetest configure it; other programs add it to their services:
//
//	c, err := service.New(service.Config{}, new(Reports),
//		service.Configure(transport.Config{URI: "amqp://localhost"}),
//		service.Configure(fleet.Timers()))
//
// Each timer has a quorum queue with a single active consumer, and in it one message: the token,
// with the time of the last tick. The process that the broker delivers the token to calls the
// method at the next tick, publishes a new token, waits for the confirm, and only then acknowledges
// the old one. So a process that dies at any point leaves a token behind, and another process goes
// on from it at once.
//
//   - A tick is never lost. If the process dies between the call and the acknowledgement, another
//     one calls the method for the same tick again.
//   - Two processes never call the method for the same tick at once, as long as both notice a lost
//     connection. A host that freezes delays the ticks by up to two heartbeats, until the broker
//     gives it up; when it wakes, its call is cancelled as soon as it notices.
//   - A process that stops in order finishes the call that runs, then passes the token on.
//
// The token is published again each minute, also while a call runs, so that no consumer_timeout of
// the broker ends a long call.
//
// [Ask] pauses a timer, resumes it, or has it called now. A command waits in the timer's queue if
// no process runs.
//
// docs/wire/timer.md describes the messages, so that other languages can take part.
package fleet
