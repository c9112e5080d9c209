package transport

import "time"

// A Table holds AMQP field values by name: the headers of a message, the arguments of a queue.
//
// Values may be nil, bool, every sized int, float32, float64, string, []byte, time.Time,
// []any and Table (or map[string]any) of those. What is received holds int32, int64,
// float64, string, []any and Table for AMQP's I, L, d, S, A and F.
type Table = map[string]any

// Properties are a message's AMQP basic properties (AMQP 0-9-1 §4.2.6).
// A property at its zero value is not sent, Headers and Priority excepted:
// like Nameko, we send headers (be the table empty) and priority 0 with every message.
type Properties struct {
	ContentType     string
	ContentEncoding string
	Headers         Table
	Persistent      bool // delivery mode 2
	Priority        uint8
	CorrelationID   string
	ReplyTo         string
	HasReplyTo      bool          // received only: reply_to was there, be it empty
	Expiration      time.Duration // whole milliseconds on the wire; 0 is none
	MessageID       string
	Type            string
	AppID           string
}

// A Publishing is a message to be sent.
type Publishing struct {
	Exchange  string // "" is the default exchange
	Key       string // routing key
	Mandatory bool   // return it when no queue takes it
	Properties
	Body []byte
}
