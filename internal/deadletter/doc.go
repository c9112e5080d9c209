// Package deadletter has the queues and headers of messages that failed: their names, how they are
// declared, and what travels with a message that waits for its next attempt or is parked.
//
// Each queue that rows consume has up to four kinds of queues of its own, all of them quorum
// queues:
//
//	gomeko.delay.<queue>.<ms>   waits for the next attempt; then the broker moves it to
//	gomeko.retry.<queue>        consumed beside the queue, by the same row
//	gomeko.suspect.<queue>      may have killed its process; its own delivery count counts the deaths
//	gomeko.dead.<queue>         parked, until somebody replays or drops it
//
// A message that waits has the header gomeko.retry, and a parked one gomeko.original. What would
// act on a message on its way, such as its expiration, is folded into these headers, and restored
// from them:
//
//	attempt := deadletter.Open(d) // a delivery of the retry queue: d is again as it came first
//	…
//	err := conn.Declare(ctx, queues.Delay("bills", time.Second)) // of type Queues
//	…
//	attempt.Number++
//	err = conn.Publish(ctx, attempt.Publishing(d, deadletter.DelayQueue("bills", time.Second)))
//	…
//	d.Ack() // only if the broker has confirmed it
//
// Headers come from the wire: what cannot be read in them counts as missing, and is never an error.
package deadletter
