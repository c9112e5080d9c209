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

// Prefix is the prefix of the names of all queues and exchanges that Nameko does not use.
const Prefix = "gomeko."

// Prefixes of the names.
const (
	delayPrefix   = Prefix + "delay."
	retryPrefix   = Prefix + "retry."
	deadPrefix    = Prefix + "dead."
	suspectPrefix = Prefix + "suspect."
	lockPrefix    = Prefix + "viewer."
)

// maxName is the largest length of a queue's name in bytes: AMQP 0-9-1 §4.2.5.3.
const maxName = 255

// DelayQueue returns the name of the queue in which messages of a queue wait for a time. The time
// is rounded down to whole milliseconds.
func DelayQueue(queue string, wait time.Duration) string {
	return name(delayPrefix, queue, "."+strconv.FormatInt(wait.Milliseconds(), 10))
}

// RetryQueue returns the name of the queue to which the messages of a queue return after their
// wait.
func RetryQueue(queue string) string { return name(retryPrefix, queue, "") }

// DeadQueue returns the name of the queue in which the messages of a queue are parked.
func DeadQueue(queue string) string { return name(deadPrefix, queue, "") }

// SuspectQueue returns the name of the queue for messages that may have killed their process.
func SuspectQueue(queue string) string { return name(suspectPrefix, queue, "") }

// LockQueue returns the name of the queue that serves as a lock on the dead queue of a queue. It is
// exclusive, and nobody publishes to it.
func LockQueue(queue string) string { return name(lockPrefix, queue, "") }

// Owns reports whether other is one of the queues that belong to queue, judging by the names.
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

// OfDead returns the queue to which a dead queue belongs, and whether name is the name of a dead
// queue. If the name was too long, it contains a hash, so the queue is only known to those that
// declare it, and from [Original].Queue.
func OfDead(name string) (queue string, ok bool) { return strings.CutPrefix(name, deadPrefix) }

// name returns prefix, queue and suffix. If that is too long for a name, a hash replaces the end of
// queue.
func name(prefix, queue, suffix string) string {
	if len(prefix)+len(queue)+len(suffix) <= maxName {
		return prefix + queue + suffix
	}
	sum := sha256.Sum256([]byte(queue))
	hash := hex.EncodeToString(sum[:16])
	room := maxName - len(delayPrefix) - len(hash) - 24 // for the longest prefix and suffix, so all hashed names of a queue look alike
	return prefix + clip.Text(queue, room) + hash + suffix
}

// Queues sets the limits of the queues. It is a configuration value of containers (service.Lookup).
// The zero value means the defaults. An existing queue keeps the limits with which it was created,
// because they are arguments, which the broker cannot change. A policy of the broker can lower
// them.
type Queues struct {
	// MaxDelayed limits the messages in a delay queue. Beyond it, messages are rejected
	// ([transport.ErrNacked]). The default is 100,000.
	MaxDelayed int

	// MaxDead limits the size of a dead queue, in bytes of its messages' bodies. Beyond it,
	// messages are rejected ([transport.ErrNacked]). The default is 1 GiB.
	MaxDead int

	// Keep is how long a message is parked before the broker drops it. It is the expiration of the
	// message, so a change only affects messages that are parked later. The default is 30 days; a
	// negative value means forever. The longest time is [MaxKeep].
	Keep time.Duration
}

// Defaults of [Queues].
const (
	DefaultMaxDelayed = 100_000
	DefaultMaxDead    = 1 << 30
	DefaultKeep       = 30 * 24 * time.Hour
)

// MaxKeep is the longest time for which RabbitMQ keeps a message that has an expiration: 2³² ms,
// rounded down to whole days.
const MaxKeep = 49 * 24 * time.Hour

// Delay returns what must be declared before a message of queue can wait: the delay queue, and the
// retry queue to which the message returns. The delay queue stays on the broker.
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

// Dead returns the queue in which messages of queue are parked. It must be declared before a
// message is parked.
func (q Queues) Dead(queue string) transport.Queue {
	return quorum(DeadQueue(queue), transport.Table{
		"x-overflow":         "reject-publish",
		"x-max-length-bytes": cmp.Or(q.MaxDead, DefaultMaxDead),
	})
}

// Expiration returns the expiration of a parked message, or 0 if there is none.
func (q Queues) Expiration() time.Duration {
	if q.Keep < 0 {
		return 0
	}
	return min(cmp.Or(q.Keep, DefaultKeep), MaxKeep)
}

// Retry returns the queue to which messages of queue return after their wait.
func (Queues) Retry(queue string) transport.Queue {
	return quorum(RetryQueue(queue), transport.Table{})
}

// Suspect returns the queue for messages of queue that may have killed their process.
func (Queues) Suspect(queue string) transport.Queue {
	return quorum(SuspectQueue(queue), transport.Table{})
}

// quorum returns a quorum queue that requeues messages without limit. If the queue exists with
// other arguments, it is left unchanged, because processes with another configuration or version
// may have declared it.
func quorum(name string, args transport.Table) transport.Queue {
	args["x-queue-type"] = "quorum"
	return transport.Queue{Name: name, Durable: true, Kept: true, Unlimited: true, Args: args}
}
