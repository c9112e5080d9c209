package deadletter

import (
	"math"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// RetryHeader is the header of a message in a delay, retry or suspect queue. It is a table:
//
//	exchange, key   with which the message was published first
//	attempt         the number of the call that it waits for: an integer
//	first           when it failed first: milliseconds since 1970
//	deadline        until when the caller of a request waits: milliseconds since 1970
//	folded          the properties and headers that would act on it: a table
const RetryHeader = Prefix + "retry"

// maxAttempts is the largest number of an attempt that is accepted from the wire.
const maxAttempts = 1_000_000

// An Attempt describes a message that waits for its next call.
type Attempt struct {
	Exchange, Key string    // with which it was first published
	Number        int       // of the call that it waits for: 2 after the first failure
	First         time.Time // when it first failed; zero if it has not failed
	Deadline      time.Time // until when the caller of a request waits; zero if the message is not a request

	// Returns is how often the message was requeued in the queue that it was delivered from. In a
	// suspect queue, this counts the deaths of processes. [Open] sets it; it is not sent.
	Returns int
}

// First returns the Attempt for a delivery that does not come from one of this package's queues.
func First(d *transport.Delivery) Attempt {
	return Attempt{Exchange: d.Exchange, Key: d.Key, Number: 1}
}

// Publishing returns the message of a delivery in the form in which it is published to one of its
// queue's own queues: a delay queue, the retry queue or the suspect queue. The message is mandatory
// and persistent. Acknowledge d once the broker has confirmed it. The body is not copied. d may
// have been opened with [Open].
func (a Attempt) Publishing(d *transport.Delivery, to string) transport.Publishing {
	p := transport.Publishing{Key: to, Mandatory: true, Properties: d.Properties, Body: d.Body}
	var folded transport.Table
	p.Properties, folded, _ = fold(d.Properties)
	p.Headers[RetryHeader] = a.encode(folded)
	return p
}

func (a Attempt) encode(folded transport.Table) transport.Table {
	t := transport.Table{"exchange": a.Exchange, "key": a.Key, "attempt": a.Number}
	putTime(t, "first", a.First)
	putTime(t, "deadline", a.Deadline)
	if len(folded) > 0 {
		t["folded"] = folded
	}
	return t
}

// Open reads [RetryHeader] of a delivery from a retry or a suspect queue, and restores the
// delivery: its exchange, its key, and what was folded. From the headers it removes RetryHeader,
// and everything that the broker has added. If a delivery has no readable RetryHeader, somebody
// else has published it to the queue: it counts as attempt 1 and keeps its exchange and key.
func Open(d *transport.Delivery) Attempt {
	d.Pin()
	a := Attempt{Number: 1, Exchange: d.Exchange, Key: d.Key, Returns: integer(d.Headers[deliveryCount], 0, maxAttempts)}
	t, ok := d.Headers[RetryHeader].(transport.Table)
	removeActing(d.Headers)
	if !ok {
		return a
	}
	a.Exchange, a.Key = text(t, "exchange"), text(t, "key")
	a.Number = integer(t["attempt"], 1, maxAttempts)
	a.First, a.Deadline = instant(t["first"]), instant(t["deadline"])
	d.Exchange, d.Key = a.Exchange, a.Key
	unfold(d, t["folded"])
	return a
}

// Strip removes this package's headers from those of a delivery that did not come from one of its
// queues. The sender of a message must not control how often it counts as tried.
func Strip(headers transport.Table) {
	delete(headers, RetryHeader)
	delete(headers, OriginalHeader)
}

// putTime puts a time into a table unless the time is zero.
func putTime(t transport.Table, name string, at time.Time) {
	if !at.IsZero() {
		t[name] = at.UnixMilli()
	}
}

// instant returns the time in a value, or zero if there is none.
func instant(value any) time.Time {
	if at, ok := value.(time.Time); ok {
		value = at.UnixMilli()
	}
	ms, ok := whole(value)
	if !ok || ms <= 0 || ms > maxInstant {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// maxInstant is the end of the year 9999, the last one that JSON can represent.
const maxInstant = 253_402_300_799_999

// text returns a field of a table that is a name. Like names in AMQP, it must have at most 255
// bytes.
func text(t transport.Table, name string) string {
	if s, ok := t[name].(string); ok && len(s) <= maxName {
		return s
	}
	return ""
}

// integer returns an integer from the wire, limited to the given bounds.
func integer(value any, low, high int) int {
	n, ok := whole(value)
	if !ok {
		return low
	}
	return int(min(max(n, int64(low)), int64(high)))
}

// whole returns an integer that has any of AMQP's integer types.
func whole(value any) (int64, bool) {
	switch n := value.(type) {
	case int8:
		return int64(n), true
	case uint8:
		return int64(n), true
	case int16:
		return int64(n), true
	case uint16:
		return int64(n), true
	case int32:
		return int64(n), true
	case uint32:
		return int64(n), true
	case int64:
		return n, true
	case int:
		return int64(n), true
	case uint64:
		return int64(min(n, math.MaxInt64)), true
	}
	return 0, false
}
