package messaging

import (
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
)

// Config configures what happens to events and messages whose call has failed; pass it with
// [service.Configure]. The zero value works.
type Config struct {
	// Retry is the default of the key retry, such as "1s 10s*3 10m". It applies to rows whose tag has
	// neither retry nor requeue; it has no effect on rows with ack:"early" and on streams. "" is no
	// retry: failed messages are acknowledged, as in Nameko.
	Retry string

	// DelayLength limits how many messages may wait for each of the delays of a queue. Any further
	// message stays in its queue. The default is 100,000. A delay that has been in use keeps the limit
	// that it was created with.
	DelayLength int

	// DeadSize limits the dead queue of a queue, in bytes of the messages' bodies. Any further message
	// stays in its queue. The default is 1 GiB. A dead queue that exists keeps its limit.
	DeadSize int

	// DeadKeep is how long a parked message is kept. The default is 30 days, the maximum 49 days. A
	// negative value keeps messages forever.
	DeadKeep time.Duration

	// PauseAfter is how many calls in a row may fail before a row that retries pauses. A paused row
	// stops consuming and tries one message after a while, then after longer and longer waits, up to 5
	// minutes; it resumes when one succeeds. Faults and timeouts count as failures. Expected errors
	// show that the method works. Bodies that do not fit, and what a method requests with
	// service.RetryAfter, Park or Drop, count neither way. The default is 20; a negative value never
	// pauses.
	PauseAfter int
}

// queues returns the limits of the queues for failed messages.
func (c Config) queues() deadletter.Queues {
	return deadletter.Queues{MaxDelayed: c.DelayLength, MaxDead: c.DeadSize, Keep: c.DeadKeep}
}
