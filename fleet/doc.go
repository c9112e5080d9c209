// Package fleet coordinates the processes of a fleet through the broker: timers that tick once in
// the fleet, hubs and HTTP across processes, and questions to all running processes.
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
// Each timer has a quorum queue with a single active consumer. The queue contains one message, the
// token, with the time of the last tick. The process that receives the token calls the method at
// the next tick, publishes a new token, waits for the confirm, and only then acknowledges the old
// one. A process that dies at any point thus leaves a token behind, and another process continues
// from it at once.
//
//   - A tick is never lost. If the process dies between the call and the acknowledgement, another
//     one calls the method for the same tick again.
//   - Two processes never call the method for the same tick at the same time, as long as both notice
//     when they lose the connection. A host that freezes delays the ticks by up to two heartbeats,
//     until the broker closes its connection. When it wakes, it cancels its call as soon as it
//     notices.
//   - A process that stops in order finishes a running call, then passes the token on.
//
// The token is published again every minute, even while a call runs, so a long call does not exceed
// the broker's consumer_timeout.
//
// [Ask] pauses a timer, resumes it, or calls its method now. If no process is running, the command
// waits in the timer's queue.
//
// docs/wire/timer.md describes the messages, so that other languages can take part.
package fleet
