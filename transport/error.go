package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	// ErrConnectionLost is the error of an operation whose connection or channel was lost before the
	// broker answered. The outcome is unknown: a publishing may or may not have reached its queues.
	ErrConnectionLost = errors.New("connection to the broker lost, outcome unknown")

	// ErrNacked is the error of a publishing that the broker did not accept (basic.nack).
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

// An Error is a refusal by the broker.
type Error struct {
	Code   int    // a reply code of AMQP 0-9-1: 403, 404, 405, 406, …
	Text   string // the broker's words
	Remedy string // what to do; "" if that is not known
}

func (e *Error) Error() string {
	if e.Remedy == "" {
		return fmt.Sprintf("broker: %d %s", e.Code, e.Text)
	}
	return fmt.Sprintf("broker: %d %s; %s", e.Code, strings.TrimSuffix(e.Text, "."), e.Remedy)
}

// refuses reports whether e refuses publishings to the exchange with this key, because the exchange
// does not exist, or the user may not write to it or to this topic of it.
func (e *Error) refuses(exchange, key string) bool {
	name := cmp.Or(exchange, "amq.default")
	if e.Code != amqp.NotFound && e.Code != amqp.AccessRefused || !strings.Contains(e.Text, "exchange '"+name+"' in ") {
		return false
	}
	return !strings.Contains(e.Text, "access to topic '") || strings.Contains(e.Text, "access to topic '"+key+"' in ")
}

// A spoiledError is the error of an unconfirmed publishing on a channel that the broker closed
// because of one of the publishings. The broker does not say which one.
type spoiledError struct{ refusal *Error }

func (e *spoiledError) Error() string {
	return fmt.Sprintf("outcome unknown: the broker closed the channel over this publishing or another one to the same exchange: %v", e.refusal)
}

// Unwrap makes e both an ErrConnectionLost and an *Error.
func (e *spoiledError) Unwrap() []error { return []error{ErrConnectionLost, e.refusal} }

func isRefusal(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal)
}

// brokerError returns an *Error if err is a refusal of the broker, errChannelClosed if it is the
// loss of the channel or the socket, and err otherwise.
func brokerError(err error, op operation) error {
	var e *amqp.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, amqp.ErrChannelMax):
		return newError(amqp.ErrChannelMax, op)
	case errors.As(err, &e) && e.Server && e.Code != amqp.ConnectionForced && e.Code != amqp.InternalError:
		return newError(e, op)
	case errors.As(err, &e), errors.Is(err, net.ErrClosed): // the socket may know before amqp091-go
		return errChannelClosed
	default:
		return err
	}
}

// closeError returns why a channel or a connection has ended: the broker's reason, or an error of
// the socket.
func closeError(err *amqp.Error, op operation) error {
	if err.Server {
		return newError(err, op)
	}
	return errors.New(err.Reason)
}

// newError adds what to do about err.
func newError(err *amqp.Error, op operation) *Error {
	e := &Error{Code: err.Code, Text: err.Reason}
	switch err.Code {
	case amqp.AccessRefused:
		e.Remedy = grant(err.Reason, op)
	case amqp.ResourceLocked:
		e.Remedy = "the queue is exclusive to another connection: use another name, or wait until that connection is closed"
	case amqp.ChannelError:
		if err == amqp.ErrChannelMax {
			e.Remedy = "close consumers or use more connections"
		}
	default:
		e.Remedy = op.remedy(err.Code)
	}
	return e
}

// An operation is what the broker was asked to do. The remedy of a refusal depends on it.
type operation int

const (
	connecting operation = iota // opening a connection or a channel
	declaring
	binding
	publishing
	consuming
)

// remedy returns what to do when the broker refuses the operation with code.
func (op operation) remedy(code int) string {
	switch {
	case op == declaring:
		return "declare it with the flags and arguments that it has, or delete it once it is empty and unused"
	case code != amqp.NotFound:
		return ""
	case op == binding:
		return "declare the queue and the exchange first"
	case op == publishing:
		return "declare the exchange first"
	case op == consuming:
		return "declare the queue first"
	default:
		return ""
	}
}

// permission returns RabbitMQ's name of the permission that the operation needs.
func (op operation) permission(kind string) string {
	switch {
	case op == declaring:
		return "configure"
	case op == consuming, op == binding && kind == "exchange":
		return "read"
	default:
		return "write"
	}
}

// denial is RabbitMQ's text of a 403. Newer versions name the permission.
var denial = regexp.MustCompile(`(?:(configure|write|read) )?access to (topic|exchange|queue) '(.*?)' in (?:exchange '(.*?)' in )?vhost '(.*?)' refused for user '(.*?)'`)

// grant says which permission to grant, and how.
func grant(text string, op operation) string {
	m := denial.FindStringSubmatch(text)
	if m == nil {
		return "grant the permission (rabbitmqctl set_permissions)"
	}
	permission, kind, name, exchange, vhost, user := m[1], m[2], m[3], m[4], m[5], m[6]
	if permission == "" {
		permission = op.permission(kind)
	}
	what, command := fmt.Sprintf("%s %q", kind, name), fmt.Sprintf("set_permissions -p %s %s", vhost, user)
	if kind == "topic" {
		what = fmt.Sprintf("%s of exchange %q", what, exchange)
		command = fmt.Sprintf("set_topic_permissions -p %s %s %s", vhost, user, exchange)
	}
	pattern := fmt.Sprintf("…|^%s$", regexp.QuoteMeta(name)) // … stands for the present one
	for _, p := range []string{"configure", "write", "read"} {
		switch {
		case p == permission:
			command += fmt.Sprintf(` "%s"`, pattern)
		case p != "configure" || kind != "topic":
			command += ` "…"`
		}
	}
	return fmt.Sprintf("user %q may not %s %s in vhost %q: grant it, as in rabbitmqctl %s", user, permission, what, vhost, command)
}
