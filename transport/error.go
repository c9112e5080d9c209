package transport

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrConnectionLost is the error of a publishing whose connection or channel was lost before the broker confirmed
	// it: it may or may not have been taken.
	ErrConnectionLost = errors.New("connection to the broker lost, outcome unknown")

	// ErrNacked is the error of a publishing that the broker refused to take (basic.nack).
	ErrNacked = errors.New("refused by the broker (basic.nack)")

	// ErrClosed is the error of every use of a Conn after Close.
	ErrClosed = errors.New("connection closed")
)

// Returned is the error of a mandatory publishing that reached no queue (basic.return).
type Returned struct {
	Exchange, Key string
	Code          int // 312, NO_ROUTE
	Text          string
}

func (e *Returned) Error() string {
	return fmt.Sprintf("exchange %q, key %q: returned by the broker: %d %s", e.Exchange, e.Key, e.Code, e.Text)
}

// Error is a refusal of the broker: a reply code of AMQP 0-9-1, its text, and what to do.
type Error struct {
	Code   int    // 403, 404, 405, 406, …
	Text   string // the broker's own words
	Remedy string // what would be right, "" if we do not know
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return fmt.Sprintf("broker: %d %s", e.Code, e.Text)
	}
	return fmt.Sprintf("broker: %d %s; %s", e.Code, strings.TrimSuffix(e.Text, "."), e.Remedy)
}
