package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/gomeko/gomeko/internal/frame"
)

// settings are read from a queue's arguments.
type settings struct {
	quorum          bool
	lease           time.Duration // x-expires: how long the queue may be idle; 0 is no limit
	ttl             time.Duration // x-message-ttl
	maxLength       int64         // x-max-length of the ready messages; -1 is no limit
	maxBytes        int64         // x-max-length-bytes of the ready messages; -1 is no limit
	overflow        overflow
	hasDeadExchange bool
	deadExchange    string  // x-dead-letter-exchange
	deadKey         *string // x-dead-letter-routing-key; nil keeps the message's key
	deadStrategy    string  // x-dead-letter-strategy
	maxPriority     uint8
	singleActive    bool
	maxReturns      int64 // x-delivery-limit; negative is no limit
}

// noSettings are the settings of a queue without arguments.
var noSettings = settings{ttl: forever, maxLength: -1, maxBytes: -1, maxReturns: -1}

// An overflow says what a queue does when a message exceeds its limits.
type overflow int

const (
	dropHead overflow = iota
	rejectPublish
	rejectPublishDLX
)

var overflows = map[string]overflow{
	"drop-head": dropHead, "reject-publish": rejectPublish, "reject-publish-dlx": rejectPublishDLX,
}

// isOver reports whether a number of messages or bytes is over the limits.
func (s *settings) isOver(count, bytes int) bool {
	return s.maxLength >= 0 && int64(count) > s.maxLength || s.maxBytes >= 0 && int64(bytes) > s.maxBytes
}

// keepsDead reports whether the queue holds a dead message until the queues to which it is
// dead-lettered have it. RabbitMQ ignores the strategy in a queue that drops its head.
func (s *settings) keepsDead() bool {
	return s.quorum && s.hasDeadExchange && s.overflow == rejectPublish && s.deadStrategy == "at-least-once"
}

// A queueArgument is an argument that RabbitMQ knows. It must be equal when a queue is declared
// again.
type queueArgument struct {
	name            string
	classic, quorum bool // the queue types that support it

	// read stores the value in the settings, or returns RabbitMQ's text if the value is invalid.
	read func(s *settings, value any) (fault string)
}

// queueArguments are the known arguments. Others are stored and ignored.
var queueArguments = []queueArgument{
	{"x-expires", true, true, func(s *settings, value any) (fault string) {
		n, fault := integerArgument(value)
		if fault == "" && n == 0 {
			fault = "{value_zero,0}"
		}
		if fault == "" {
			s.lease, fault = millis(n)
		}
		return fault
	}},
	{"x-message-ttl", true, true, func(s *settings, value any) (fault string) {
		n, fault := integerArgument(value)
		if fault == "" {
			s.ttl, fault = millis(n)
		}
		return fault
	}},
	{"x-max-length", true, true, func(s *settings, value any) (fault string) {
		s.maxLength, fault = countArgument(value)
		return fault
	}},
	{"x-max-length-bytes", true, true, func(s *settings, value any) (fault string) {
		s.maxBytes, fault = countArgument(value)
		return fault
	}},
	{"x-overflow", true, true, func(s *settings, value any) (fault string) {
		name, isString := value.(string)
		if !isString {
			return unacceptable(value)
		}
		var known bool
		if s.overflow, known = overflows[name]; !known {
			return "invalid_overflow"
		}
		return ""
	}},
	{"x-dead-letter-exchange", true, true, func(s *settings, value any) string {
		s.deadExchange, s.hasDeadExchange = value.(string)
		return ""
	}},
	{"x-dead-letter-routing-key", true, true, func(s *settings, value any) string {
		key, isString := value.(string)
		if !isString {
			return unacceptable(value)
		}
		s.deadKey = &key
		return ""
	}},
	{"x-max-priority", true, false, func(s *settings, value any) string {
		n, fault := countArgument(value)
		if fault == "" && n > 255 {
			fault = fmt.Sprintf("{max_value_exceeded,%d}", n)
		}
		s.maxPriority = uint8(n)
		return fault
	}},
	{"x-single-active-consumer", true, true, func(s *settings, value any) string {
		var isBool bool
		if s.singleActive, isBool = value.(bool); !isBool {
			return unacceptable(value)
		}
		return ""
	}},
	{"x-delivery-limit", false, true, func(s *settings, value any) string {
		if n, ok := integer(value); ok {
			s.maxReturns = n
		}
		return ""
	}},
	{"x-queue-type", true, true, oneOf("type", "classic", "quorum")},
	{"x-queue-mode", true, false, oneOf("mode", "default", "lazy")},
	{"x-queue-version", true, false, ignored},
	{"x-queue-master-locator", true, false, ignored},
	{"x-dead-letter-strategy", false, true, func(s *settings, value any) string {
		var isString bool
		if s.deadStrategy, isString = value.(string); !isString {
			return unacceptable(value)
		}
		if s.deadStrategy != "at-most-once" && s.deadStrategy != "at-least-once" {
			return "invalid_dlx_strategy"
		}
		return ""
	}},
	{"x-quorum-initial-group-size", false, true, ignored},
	{"x-max-in-memory-length", false, true, ignored},
	{"x-max-in-memory-bytes", false, true, ignored},
	{"x-queue-leader-locator", false, true, ignored},
	{"x-max-age", false, false, ignored},
	{"x-stream-max-segment-size-bytes", false, false, ignored},
	{"x-initial-cluster-size", false, false, ignored},
}

// queueArgumentNames returns the arguments that must be equal when a queue is declared again.
func queueArgumentNames() []string {
	names := make([]string, len(queueArguments))
	for i, a := range queueArguments {
		names[i] = a.name
	}
	return names
}

// readSettings reads the arguments of the queue named of; the name is for errors.
func readSettings(of string, arguments frame.Table) (settings, error) {
	s := noSettings
	kind, _ := arguments.Get("x-queue-type")
	if kind == "stream" {
		return s, exceptionf(codeNotImplemented, "queue type 'stream'")
	}
	s.quorum = kind == "quorum"
	for _, a := range queueArguments {
		value, present := arguments.Get(a.name)
		if !present {
			continue
		}
		if fault := a.read(&s, value); fault != "" {
			return s, exceptionf(codePreconditionFailed, "invalid arg '%s' for %s: %s", a.name, of, fault)
		}
	}
	for _, a := range queueArguments {
		if _, present := arguments.Get(a.name); present && !(a.quorum && s.quorum || a.classic && !s.quorum) {
			return s, exceptionf(codePreconditionFailed, "invalid arg '%s' for %s of queue type %s", a.name, of, s.queueType())
		}
	}
	value, present := arguments.Get("x-dead-letter-exchange")
	switch {
	case present && !s.hasDeadExchange:
		return s, exceptionf(codePreconditionFailed, "invalid type '%s' for arg 'x-dead-letter-exchange' in %s", typeName(value), of)
	case !present && s.deadKey != nil:
		return s, exceptionf(codePreconditionFailed, "invalid arg 'x-dead-letter-routing-key' for %s: routing_key_but_no_dlx_defined", of)
	}
	return s, nil
}

// queueType returns the name of RabbitMQ's module for the queue's type.
func (s *settings) queueType() string {
	if s.quorum {
		return "rabbit_quorum_queue"
	}
	return "rabbit_classic_queue"
}

// checkQuorum returns an error if the declaration asks for something that a quorum queue does not
// support.
func checkQuorum(of string, m *frame.QueueDeclare) error {
	property := ""
	switch {
	case m.Queue == "":
		return exceptionf(codePreconditionFailed, "Cannot declare a server-named queue for type rabbit_quorum_queue")
	case !m.Durable:
		property = "non-durable"
	case m.AutoDelete:
		property = "auto-delete"
	case m.Exclusive:
		property = "exclusive-owner"
	default:
		return nil
	}
	return exceptionf(codePreconditionFailed, "invalid property '%s' for %s", property, of)
}

func ignored(*settings, any) string { return "" }

// oneOf returns a reader that accepts one of the values and stores nothing.
func oneOf(what string, values ...string) func(*settings, any) string {
	return func(_ *settings, value any) string {
		s, isString := value.(string)
		if !isString {
			return unacceptable(value)
		}
		if slices.Contains(values, s) {
			return ""
		}
		return fmt.Sprintf("\"unsupported queue %s '%s'\"", what, s)
	}
}

func integerArgument(value any) (n int64, fault string) {
	n, ok := integer(value)
	if !ok {
		return 0, fmt.Sprintf("\"expected integer, got %s\"", typeName(value))
	}
	return n, ""
}

// countArgument reads a non-negative integer.
func countArgument(value any) (n int64, fault string) {
	n, fault = integerArgument(value)
	if fault == "" && n < 0 {
		fault = fmt.Sprintf("{value_negative,%d}", n)
	}
	return n, fault
}

func unacceptable(value any) string { return fmt.Sprintf("{unacceptable_type,%s}", typeName(value)) }
