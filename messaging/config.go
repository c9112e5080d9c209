package messaging

import (
	"time"

	"github.com/gomeko/gomeko/internal/deadletter"
)

// Config configures what rows of events and messages do with messages whose call has failed, with
// [service.Configure]. The zero value works.
type Config struct {
	// Retry is the key retry of the rows that have neither retry nor requeue in their tag, such as
	// "1s 10s*3 10m". It has no effect on rows with ack:"early" and on streams. "" is none: failed
	// messages are acknowledged, as in Nameko.
	Retry string

	// DelayLength is how many messages may wait for one of the delays of a queue. A further one stays
	// in its queue. The default is 100,000. A delay that has been in use keeps the number that it
	// began with.
	DelayLength int

	// DeadSize is the size of the dead queue of a queue, in bytes of the messages' bodies. A further
	// message stays in its queue. The default is 1 GiB. A dead queue that exists keeps its size.
	DeadSize int

	// DeadKeep is how long a parked message is kept. The default is 30 days, the longest time 49
	// days. A negative one is without end.
	DeadKeep time.Duration

	// PauseAfter is how many calls in a row may fail before a row that retries pauses: it stops
	// consuming, tries one message after a while, then after longer and longer, up to 5 minutes, and
	// resumes when one succeeds. Faults and timeouts count. Expected errors show that the method
	// works; bodies that do not fit, and what a method asks for with service.RetryAfter, Park or Drop,
	// count neither way. The default is 20; a negative one is never.
	PauseAfter int
}

// queues returns the bounds of the queues for failed messages.
func (c Config) queues() deadletter.Queues {
	return deadletter.Queues{MaxDelayed: c.DelayLength, MaxDead: c.DeadSize, Keep: c.DeadKeep}
}
