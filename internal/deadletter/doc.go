// Package deadletter defines the queues and headers for messages that failed: the names and
// declarations of the queues, and the data that travels with a message that waits for its next
// attempt or is parked.
//
// For each queue that rows consume there are up to four kinds of further queues, all of them quorum
// queues:
//
//	gomeko.delay.<queue>.<ms>   waits for the next attempt; then the broker moves it to
//	gomeko.retry.<queue>        consumed beside the queue, by the same row
//	gomeko.suspect.<queue>      may have killed its process; its own delivery count counts the deaths
//	gomeko.dead.<queue>         parked, until somebody replays or drops it
//
// A waiting message has the header gomeko.retry, and a parked one gomeko.original. Properties and
// headers on which the broker would act, such as the expiration, are folded into these headers, and
// later restored from them:
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
// Headers come from the wire. Parts of them that cannot be read count as missing, and are never an
// error.
package deadletter
