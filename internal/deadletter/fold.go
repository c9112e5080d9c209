package deadletter

import (
	"maps"
	"math"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// deliveryCount is the header in which a quorum queue counts how often it has had a message back.
const deliveryCount = "x-delivery-count"

// acting are the headers by which a broker acts on a message: it routes copies by some, and finds
// cycles by others.
var acting = map[string]bool{
	"CC": true, "BCC": true, "x-death": true,
	"x-first-death-exchange": true, "x-first-death-queue": true, "x-first-death-reason": true,
	"x-last-death-exchange": true, "x-last-death-queue": true, "x-last-death-reason": true,
}

// Acts reports whether a header acts on a message on its way, or says where it has been: such a
// header is not kept with a parked message, except in [Original].Folded.
func Acts(name string) bool {
	return acting[name] || name == RetryHeader || name == deliveryCount
}

// The properties that are folded, by their names in the table.
const (
	expiration   = "expiration"    // milliseconds
	userID       = "user_id"       // the broker refuses another's
	deliveryMode = "delivery_mode" // 1 if the message was transient
)

// fold returns the properties with which a message is published again, without what would act on
// it, and that as a table. The headers are a copy. A value that would be nested too deep in the
// table is left out of it, and named.
func fold(p transport.Properties) (_ transport.Properties, folded transport.Table, leftOut []string) {
	headers := make(transport.Table, len(p.Headers)+1)
	folded = transport.Table{}
	for name, value := range p.Headers {
		switch {
		case name == RetryHeader, name == OriginalHeader, name == deliveryCount:
		case !acting[name]:
			headers[name] = value
		case isFlat(name, value):
			folded[name] = value
		default:
			leftOut = append(leftOut, name)
		}
	}
	if p.Expiration > 0 {
		folded[expiration] = p.Expiration.Milliseconds()
	}
	if p.UserID != "" {
		folded[userID] = p.UserID
	}
	if !p.Persistent {
		folded[deliveryMode] = 1
	}
	p.Headers, p.Expiration, p.UserID, p.Persistent = headers, 0, "", true
	return p, folded, leftOut
}

// isFlat reports whether a header can be sent inside of two tables more than it came in.
func isFlat(name string, value any) bool {
	_, err := transport.TableSize(transport.Table{"": transport.Table{"": transport.Table{name: value}}})
	return err == nil
}

// removeActing removes from headers what acts on a message, and this package's headers.
func removeActing(headers transport.Table) {
	maps.DeleteFunc(headers, func(name string, _ any) bool {
		return Acts(name) || name == OriginalHeader
	})
}

// unfold restores what fold has folded. value comes from the wire.
func unfold(d *transport.Delivery, value any) {
	folded, _ := value.(transport.Table)
	for name, value := range folded {
		if !acting[name] {
			continue
		}
		if d.Headers == nil {
			d.Headers = transport.Table{}
		}
		d.Headers[name] = value
	}
	d.Expiration = time.Duration(integer(folded[expiration], 0, math.MaxUint32)) * time.Millisecond
	d.UserID = text(folded, userID)
	d.Persistent = integer(folded[deliveryMode], 0, 2) != 1
}

// cleaned returns the part of a table from the wire that fold may have made.
func cleaned(value any) transport.Table {
	folded, _ := value.(transport.Table)
	clean := transport.Table{}
	for name, value := range folded {
		if acting[name] && isFlat(name, value) {
			clean[name] = value
		}
	}
	if ms := integer(folded[expiration], 0, math.MaxUint32); ms > 0 {
		clean[expiration] = int64(ms)
	}
	if id := text(folded, userID); id != "" {
		clean[userID] = id
	}
	if integer(folded[deliveryMode], 0, 2) == 1 {
		clean[deliveryMode] = 1
	}
	return clean
}
