package httpqueue

import (
	"cmp"
	"math"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// The protocol is in docs/wire/backend.md. These are the types of its messages.
const (
	requestType = "gomeko.http"
	answerType  = "gomeko.http.answer"  // a whole answer
	failureType = "gomeko.http.failure" // sent in place of an answer
	claimType   = "gomeko.http.claim"   // may a request that was delivered before be run?
	grantType   = "gomeko.http.grant"   // the reply to a claim
	cancelType  = "gomeko.http.cancel"  // nobody waits for the answer any more
	partType    = "gomeko.part"         // a part of a body
	creditType  = "gomeko.credit"       // a reader has taken parts of a body
)

// These are headers of messages.
const (
	methodHeader    = "method"
	targetHeader    = "target"
	hostHeader      = "host"
	schemeHeader    = "scheme"
	remoteHeader    = "remote"
	lengthHeader    = "length"   // of the body of a request; -1 is unknown
	streamHeader    = "stream"   // the body of a request comes in parts
	statusHeader    = "status"   // of an answer or a failure
	fieldsHeader    = "fields"   // header fields: name, value, name, value, …
	announcedHeader = "trailer"  // names of trailer fields, ahead of the body
	trailersHeader  = "trailers" // trailer fields
	reasonHeader    = "reason"   // of a failure, or of a body that is cut
	grantedHeader   = "granted"  // of a grant

	seqHeader   = "gomeko.seq"
	runHeader   = "gomeko.run"
	askHeader   = "gomeko.ask"
	countHeader = "gomeko.count"
	takenHeader = "gomeko.taken"
)

// queuePrefix is the start of the names of the queues with requests.
const queuePrefix = "gomeko.http."

const (
	defaultBeat = 5 * time.Second // the longest time between two credits of a reader
	missedBeats = 3               // after so many without a credit the reader is gone
	windowParts = 64              // parts on their way
	windowBytes = 1 << 20         // bytes of them
	partBytes   = 64 << 10        // of one part

	// idleLimit is how long a sender waits for a reader that takes nothing.
	idleLimit = time.Minute

	shortLimit = time.Second // how long a message that may be lost is tried to be sent
	shortValid = time.Minute // its expiration
)

// Config changes times, for tests.
type Config struct {
	Beat time.Duration // the longest time between two credits; 0 is 5 s
	Idle time.Duration // how long a reader may take nothing; 0 is 1 minute
}

func (c Config) beat() time.Duration { return cmp.Or(c.Beat, defaultBeat) }
func (c Config) idle() time.Duration { return cmp.Or(c.Idle, idleLimit) }

// An id identifies a request: the queue of its front, and the correlation id.
type requestID struct{ front, id string }

// idOf returns the id of the request that a message of its front is about.
func idOf(d *transport.Delivery) requestID { return requestID{d.ReplyTo, d.CorrelationID} }

// message returns a message of this protocol about a request, from one queue to another. It is
// returned if the queue does not exist.
func message(kind, to, from, id string, headers transport.Table, body []byte) transport.Publishing {
	return transport.Publishing{
		Key:       to,
		Mandatory: true,
		Properties: transport.Properties{
			Type: kind, ContentType: "application/octet-stream", CorrelationID: id, ReplyTo: from, Headers: headers,
		},
		Body: body,
	}
}

// text returns a header that is a string, "" otherwise.
func text(d *transport.Delivery, name string) string {
	s, _ := d.Headers[name].(string)
	return s
}

// whole returns the value of a header that is an integer of any size that AMQP has.
func whole(header any) (n int64, ok bool) {
	switch v := reflect.ValueOf(header); {
	case !v.IsValid():
		return 0, false
	case v.CanInt():
		return v.Int(), true
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return int64(v.Uint()), true
	}
	return 0, false
}

// signal gives a channel its token.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
