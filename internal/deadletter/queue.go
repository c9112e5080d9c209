package deadletter

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/transport"
)

// Prefix begins the names of all queues and exchanges that are not Nameko's.
const Prefix = "gomeko."

// The beginnings of the names.
const (
	delayPrefix   = Prefix + "delay."
	retryPrefix   = Prefix + "retry."
	deadPrefix    = Prefix + "dead."
	suspectPrefix = Prefix + "suspect."
	lockPrefix    = Prefix + "viewer."
)

// maxName is the length of a queue's name in bytes: AMQP 0-9-1 §4.2.5.3.
const maxName = 255

// DelayQueue returns the name of the queue in which messages of a queue wait for a time, which is
// counted in whole milliseconds.
func DelayQueue(queue string, wait time.Duration) string {
	return name(delayPrefix, queue, "."+strconv.FormatInt(wait.Milliseconds(), 10))
}

// RetryQueue returns the name of the queue to which the messages of a queue come back when they
// have waited.
func RetryQueue(queue string) string { return name(retryPrefix, queue, "") }

// DeadQueue returns the name of the queue in which the messages of a queue are parked.
func DeadQueue(queue string) string { return name(deadPrefix, queue, "") }

// SuspectQueue returns the name of the queue of the messages that may have killed their process.
func SuspectQueue(queue string) string { return name(suspectPrefix, queue, "") }

// LockQueue returns the name of the queue by which a process has the dead queue of a queue for
// itself: an exclusive one, which nobody publishes to.
func LockQueue(queue string) string { return name(lockPrefix, queue, "") }

// Owns reports whether a queue is one of the queues of another, by their names.
func Owns(queue, other string) bool {
	if !strings.HasPrefix(other, Prefix) {
		return false
	}
	switch other {
	case RetryQueue(queue), DeadQueue(queue), SuspectQueue(queue), LockQueue(queue):
		return true
	}
	beginning := strings.TrimSuffix(DelayQueue(queue, 0), "0")
	wait, ok := strings.CutPrefix(other, beginning)
	_, err := strconv.ParseUint(wait, 10, 64)
	return ok && err == nil
}

// OfDead returns the queue of a dead queue's name, and whether it is one. A name that was too long
// is hashed: then the queue is only known to those that declare it, and in [Original].Queue.
func OfDead(name string) (queue string, ok bool) { return strings.CutPrefix(name, deadPrefix) }

// name returns prefix, queue and suffix, or if that is longer than a name may be, the beginning of
// queue with a hash in place of its end.
func name(prefix, queue, suffix string) string {
	if len(prefix)+len(queue)+len(suffix) <= maxName {
		return prefix + queue + suffix
	}
	sum := sha256.Sum256([]byte(queue))
	hash := hex.EncodeToString(sum[:16])
	room := maxName - len(delayPrefix) - len(hash) - 24 // of the longest prefix and suffix: the hashed names of a queue are alike
	return prefix + clip.Text(queue, room) + hash + suffix
}

// Queues are the bounds of the queues, a configuration value of containers (service.Lookup). The
// zero value has the defaults. A queue that exists keeps the bounds that it was created with: they
// are arguments of the queue, which the broker does not change. A policy of the broker can lower
// them.
type Queues struct {
	// MaxDelayed is how many messages a delay queue takes. A further one is refused
	// ([transport.ErrNacked]). The default is 100,000.
	MaxDelayed int

	// MaxDead is the size of a dead queue, in bytes of its messages' bodies. A further message is
	// refused ([transport.ErrNacked]). The default is 1 GiB.
	MaxDead int

	// Keep is how long a message is parked before the broker drops it. It is the expiration of the
	// message, so a change counts for the messages that are parked later. The default is 30 days, and
	// a negative one is without end. The longest one is [MaxKeep].
	Keep time.Duration
}

// The defaults of [Queues].
const (
	DefaultMaxDelayed = 100_000
	DefaultMaxDead    = 1 << 30
	DefaultKeep       = 30 * 24 * time.Hour
)

// MaxKeep is the longest time that RabbitMQ keeps a message which has an expiration: 2³² ms, in
// whole days.
const MaxKeep = 49 * 24 * time.Hour

// Delay returns what has to be declared before a message of queue waits: the retry queue, to which
// it comes then, and the delay queue. The delay queue stays at the broker.
func (q Queues) Delay(queue string, wait time.Duration) transport.Topology {
	delay := quorum(DelayQueue(queue, wait), transport.Table{
		"x-message-ttl":             wait.Milliseconds(),
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": RetryQueue(queue),
		"x-dead-letter-strategy":    "at-least-once",
		"x-overflow":                "reject-publish",
		"x-max-length":              cmp.Or(q.MaxDelayed, DefaultMaxDelayed),
	})
	return transport.Topology{Queues: []transport.Queue{q.Retry(queue), delay}}
}

// Dead returns the queue in which messages of queue are parked. Declare it before the first one is.
func (q Queues) Dead(queue string) transport.Queue {
	return quorum(DeadQueue(queue), transport.Table{
		"x-overflow":         "reject-publish",
		"x-max-length-bytes": cmp.Or(q.MaxDead, DefaultMaxDead),
	})
}

// Expiration returns the expiration of a parked message, 0 for none.
func (q Queues) Expiration() time.Duration {
	if q.Keep < 0 {
		return 0
	}
	return min(cmp.Or(q.Keep, DefaultKeep), MaxKeep)
}

// Retry returns the queue to which messages of queue come back.
func (Queues) Retry(queue string) transport.Queue {
	return quorum(RetryQueue(queue), transport.Table{})
}

// Suspect returns the queue of the messages of queue that may have killed their process.
func (Queues) Suspect(queue string) transport.Queue {
	return quorum(SuspectQueue(queue), transport.Table{})
}

// quorum returns a quorum queue that returns messages without limit. One that exists is left as it
// is: processes of another configuration or version may have declared it.
func quorum(name string, args transport.Table) transport.Queue {
	args["x-queue-type"] = "quorum"
	return transport.Queue{Name: name, Durable: true, Kept: true, Unlimited: true, Args: args}
}
