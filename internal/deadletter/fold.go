package deadletter

import (
	"maps"
	"math"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// deliveryCount is the header in which a quorum queue counts how often a message was requeued.
const deliveryCount = "x-delivery-count"

// acting lists the headers on which a broker acts: it routes copies by some of them, and detects
// cycles by others.
var acting = map[string]bool{
	"CC": true, "BCC": true, "x-death": true,
	"x-first-death-exchange": true, "x-first-death-queue": true, "x-first-death-reason": true,
	"x-last-death-exchange": true, "x-last-death-queue": true, "x-last-death-reason": true,
}

// Acts reports whether a broker acts on a header, or uses it to record where the message has been.
// Such headers are only kept with a parked message in [Original].Folded.
func Acts(name string) bool {
	return acting[name] || name == RetryHeader || name == deliveryCount
}

// Properties that are folded, by their names in the table.
const (
	expiration   = "expiration"    // milliseconds
	userID       = "user_id"       // the broker rejects that of another user
	deliveryMode = "delivery_mode" // 1 if the message was transient
)

// fold returns the properties with which a message is published again. It removes what a broker
// would act on, and returns that as a table, except for values that would be nested too deep in it,
// whose names it returns in leftOut. The headers are a copy.
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

// isFlat reports whether a header can still be sent when it is nested in two more tables.
func isFlat(name string, value any) bool {
	_, err := transport.TableSize(transport.Table{"": transport.Table{"": transport.Table{name: value}}})
	return err == nil
}

// removeActing removes from headers those on which a broker acts, and those of this package.
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

// cleaned returns the part of a table from the wire that fold could have created.
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
