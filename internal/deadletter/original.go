package deadletter

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/transport"
)

// OriginalHeader is the header of a parked message. It is a table:
//
//	id                       of the parked message: a UUID
//	exchange, key            with which the message was published first
//	queue, service, row      where it failed
//	reason                   why it was parked: see the constants of type Reason
//	error_type, error        of the last failure
//	stack                    of the last failure, at most 4 KiB; missing for an expected error
//	attempts                 how many calls were made for it: an integer
//	first, last              when it failed first and last: milliseconds since 1970
//	host                     of the process that parked it: its machine and pid
//	sensitive                true if body, headers, error and stack must not be shown
//	folded                   the properties and headers that would act on it: a table
//	left_out                 names of headers that did not fit: a list
const OriginalHeader = Prefix + "original"

// A Reason says why a message was parked.
type Reason string

// The reasons.
const (
	Exhausted  Reason = "exhausted"  // its row's last retry failed
	Asked      Reason = "asked"      // the method returned service.Park
	Expected   Reason = "expected"   // the method returned one of its own expected errors
	Unreadable Reason = "unreadable" // its body does not fit the method
	Killed     Reason = "killed"     // it ended its process three times
)

// Limits on what is stored with a parked message, in bytes.
const (
	maxStack   = 4 << 10
	maxError   = clip.Log
	maxHeaders = 32 << 10 // all headers of the message
)

// An Original says where a parked message came from and why it failed.
type Original struct {
	ID            string // set by [Original.Publishing]
	Exchange, Key string // with which it was first published
	Queue         string // the queue in which it failed, not one of this package's
	Service, Row  string
	Reason        Reason
	ErrorType     string // such as "*pq.Error", or the name of an RPC error
	Error         string // truncated to 2,000 bytes
	Stack         string // truncated to 4 KiB
	Attempts      int    // number of calls made for it
	First, Last   time.Time
	Host          string // host/pid
	Sensitive     bool   // see [service.Row.Sensitive]: the content must not be shown

	Folded  transport.Table // what a broker would act on; set by Publishing
	LeftOut []string        // names of headers that did not fit; set by Publishing
}

// Publishing returns the message of a delivery in the form in which it is parked. It is published
// to the [DeadQueue] of o.Queue ([Queues.Dead]), which must exist. The message is mandatory and
// persistent. Acknowledge d once the broker has confirmed it. Body and properties are kept. If the
// headers would exceed 32 KiB, the stack is omitted first, and then the largest headers, which
// o.LeftOut names. d may have been opened with [Open].
func (q Queues) Publishing(d *transport.Delivery, o Original) transport.Publishing {
	p := transport.Publishing{Key: DeadQueue(o.Queue), Mandatory: true, Body: d.Body}
	p.Properties, o.Folded, o.LeftOut = fold(d.Properties)
	p.Expiration = q.Expiration()
	o.ID = id.New("")
	o.fit(p.Headers)
	p.Headers[OriginalHeader] = o.encode()
	return p
}

// fit removes the least important parts until o and headers fit.
func (o *Original) fit(headers transport.Table) {
	if o.fits(headers) {
		return
	}
	o.Stack = ""
	for _, h := range bySize(headers, o.Folded) {
		if o.fits(headers) {
			return
		}
		delete(h.table, h.name)
		o.leaveOut(h.name)
	}
}

// fits reports whether o and headers can be sent together.
func (o *Original) fits(headers transport.Table) bool {
	own, err := transport.TableSize(transport.Table{OriginalHeader: o.encode()})
	others, otherErr := transport.TableSize(headers)
	return err == nil && otherErr == nil && own+others <= maxHeaders
}

// leaveOut records the name of a header that did not fit.
func (o *Original) leaveOut(name string) {
	const most = 20
	switch len(o.LeftOut) {
	case most:
	case most - 1:
		o.LeftOut = append(o.LeftOut, "…")
	default:
		o.LeftOut = append(o.LeftOut, name)
	}
}

// A sized is a header, with its size and the table that contains it.
type sized struct {
	table transport.Table
	name  string
	size  int
}

// bySize returns the fields of tables, the largest first.
func bySize(tables ...transport.Table) []sized {
	var all []sized
	for _, t := range tables {
		for name, value := range t {
			size, err := transport.TableSize(transport.Table{name: value})
			if err != nil {
				size = maxHeaders
			}
			all = append(all, sized{t, name, size})
		}
	}
	slices.SortFunc(all, func(a, b sized) int { return cmp.Or(b.size-a.size, strings.Compare(a.name, b.name)) })
	return all
}

// encode returns o as a table. It truncates texts that come from elsewhere.
func (o *Original) encode() transport.Table {
	t := transport.Table{"attempts": o.Attempts}
	for name, value := range map[string]string{
		"id": o.ID, "exchange": o.Exchange, "key": o.Key, "queue": o.Queue, "service": o.Service, "row": o.Row,
		"reason": string(o.Reason), "error_type": o.ErrorType, "host": o.Host,
	} {
		t[name] = clip.Text(value, maxName-len("…"))
	}
	t["error"] = clip.Text(o.Error, maxError)
	if o.Stack != "" {
		t["stack"] = clip.Text(o.Stack, maxStack-len("…"))
	}
	putTime(t, "first", o.First)
	putTime(t, "last", o.Last)
	if o.Sensitive {
		t["sensitive"] = true
	}
	if len(o.Folded) > 0 {
		t["folded"] = o.Folded
	}
	if len(o.LeftOut) > 0 {
		names := make([]any, len(o.LeftOut))
		for i, name := range o.LeftOut {
			names[i] = name
		}
		t["left_out"] = names
	}
	return t
}

// ReadOriginal returns the contents of [OriginalHeader] in the headers of a parked message. It
// returns false if there is no such table, because somebody else has published the message.
func ReadOriginal(headers transport.Table) (Original, bool) {
	t, ok := headers[OriginalHeader].(transport.Table)
	if !ok {
		return Original{}, false
	}
	o := Original{
		ID: text(t, "id"), Exchange: text(t, "exchange"), Key: text(t, "key"), Queue: text(t, "queue"),
		Service: text(t, "service"), Row: text(t, "row"), Reason: Reason(text(t, "reason")),
		ErrorType: text(t, "error_type"), Host: text(t, "host"),
		Attempts: integer(t["attempts"], 0, maxAttempts), First: instant(t["first"]), Last: instant(t["last"]),
		Folded: cleaned(t["folded"]),
	}
	o.Error, _ = t["error"].(string)
	o.Stack, _ = t["stack"].(string)
	o.Error, o.Stack = clip.Text(o.Error, maxError), clip.Text(o.Stack, maxStack)
	o.Sensitive, _ = t["sensitive"].(bool)
	names, _ := t["left_out"].([]any)
	for _, name := range names {
		if name, ok := name.(string); ok && len(name) <= maxName {
			o.leaveOut(name)
		}
	}
	return o, true
}

// Replay returns a parked message in the form in which it is published to be tried again. It is
// published to the [RetryQueue] of queue, which must exist. Its attempts start again at 1; the time
// of its first failure is kept. The message is mandatory and persistent. Acknowledge d once the
// broker has confirmed it. The caller may change d's body and headers before.
func (o Original) Replay(d *transport.Delivery, queue string) transport.Publishing {
	p := transport.Publishing{Key: RetryQueue(queue), Mandatory: true, Body: d.Body}
	p.Properties, _, _ = fold(d.Properties) // of the parked message: its expiration, and where it has been
	a := Attempt{Exchange: o.Exchange, Key: o.Key, Number: 1, First: o.First}
	p.Headers[RetryHeader] = a.encode(o.Folded)
	return p
}
