package httpqueue

import (
	"cmp"
	"math"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// Types of the protocol's messages. docs/wire/backend.md describes the protocol.
const (
	requestType = "gomeko.http"
	answerType  = "gomeko.http.answer"  // a complete answer
	failureType = "gomeko.http.failure" // sent instead of an answer
	claimType   = "gomeko.http.claim"   // asks whether a request that was delivered before may be run
	grantType   = "gomeko.http.grant"   // the reply to a claim
	cancelType  = "gomeko.http.cancel"  // nobody waits for the answer any more
	partType    = "gomeko.part"         // a part of a body
	creditType  = "gomeko.credit"       // a reader has taken parts of a body
)

// Headers of messages.
const (
	methodHeader    = "method"
	targetHeader    = "target"
	hostHeader      = "host"
	schemeHeader    = "scheme"
	remoteHeader    = "remote"
	lengthHeader    = "length"   // of the body of a request; -1 if unknown
	streamHeader    = "stream"   // the body of a request is sent in parts
	statusHeader    = "status"   // of an answer or a failure
	fieldsHeader    = "fields"   // header fields: name, value, name, value, …
	announcedHeader = "trailer"  // names of trailer fields, sent before the body
	trailersHeader  = "trailers" // trailer fields
	reasonHeader    = "reason"   // of a failure, or of a body that is cut off
	grantedHeader   = "granted"  // of a grant

	seqHeader   = "gomeko.seq"
	runHeader   = "gomeko.run"
	askHeader   = "gomeko.ask"
	countHeader = "gomeko.count"
	takenHeader = "gomeko.taken"
)

// queuePrefix is the prefix of the names of request queues.
const queuePrefix = "gomeko.http."

const (
	defaultBeat = 5 * time.Second // the longest time between two credits from a reader
	missedBeats = 3               // without a credit for so many beats, the reader is gone
	windowParts = 64              // limits the parts in flight
	windowBytes = 1 << 20         // limits the bytes in flight
	partBytes   = 64 << 10        // largest size of one part

	// idleLimit is how long a sender waits for a reader that takes nothing.
	idleLimit = time.Minute

	shortLimit = time.Second // how long to try to send a message whose loss is acceptable
	shortValid = time.Minute // its expiration
)

// Config changes durations, for tests.
type Config struct {
	Beat time.Duration // the longest time between two credits; 0 means 5 s
	Idle time.Duration // how long a reader may take nothing; 0 means 1 minute
}

func (c Config) beat() time.Duration { return cmp.Or(c.Beat, defaultBeat) }
func (c Config) idle() time.Duration { return cmp.Or(c.Idle, idleLimit) }

// A requestID identifies a request by the queue of its front and the correlation id.
type requestID struct{ front, id string }

// idOf returns the id of the request to which a message from its front belongs.
func idOf(d *transport.Delivery) requestID { return requestID{d.ReplyTo, d.CorrelationID} }

// message returns a message of this protocol about a request, from one queue to another. The broker
// returns it if the queue does not exist.
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

// text returns a header that is a string. It returns "" if it is not.
func text(d *transport.Delivery, name string) string {
	s, _ := d.Headers[name].(string)
	return s
}

// whole returns the value of a header that is an integer, of any size that AMQP has.
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

// signal puts the token into a channel.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
