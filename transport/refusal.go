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

// An operation is what the broker was asked for, as far as its refusals differ by it.
type operation int

const (
	connecting operation = iota // a connection or a channel
	declaring
	binding
	publishing
	consuming
)

// remedy is what would be right when the broker refuses the operation with code.
func (op operation) remedy(code int) string {
	switch {
	case op == declaring:
		return "declare it as it is, or delete it once it is empty and unused"
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

// right is what RabbitMQ calls the permission that the operation needs.
func (op operation) right(kind string) string {
	switch {
	case op == declaring:
		return "configure"
	case op == consuming, op == binding && kind == "exchange":
		return "read"
	default:
		return "write"
	}
}

// denial is how RabbitMQ says 403; newer ones name the right as well.
var denial = regexp.MustCompile(`(?:(configure|write|read) )?access to (topic|exchange|queue) '(.*?)' in (?:exchange '(.*?)' in )?vhost '(.*?)' refused for user '(.*?)'`)

// denied says what to grant.
func denied(text string, op operation) string {
	m := denial.FindStringSubmatch(text)
	if m == nil {
		return "grant it (rabbitmqctl set_permissions)"
	}
	right, kind, name, exchange, vhost, user := m[1], m[2], m[3], m[4], m[5], m[6]
	if right == "" {
		right = op.right(kind)
	}
	what, command := fmt.Sprintf("%s %q", kind, name), fmt.Sprintf("set_permissions -p %s %s", vhost, user)
	if kind == "topic" {
		what = fmt.Sprintf("%s of exchange %q", what, exchange)
		command = fmt.Sprintf("set_topic_permissions -p %s %s %s", vhost, user, exchange)
	}
	grants := fmt.Sprintf("…|^%s$", regexp.QuoteMeta(name)) // beside what is granted
	for _, r := range []string{"configure", "write", "read"} {
		switch {
		case r == right:
			command += fmt.Sprintf(` "%s"`, grants)
		case r != "configure" || kind != "topic":
			command += ` "…"`
		}
	}
	return fmt.Sprintf("user %q may not %s %s in vhost %q: grant it, as in rabbitmqctl %s", user, right, what, vhost, command)
}

// refusal turns what amqp091-go reports of the broker into ours.
func refusal(err *amqp.Error, op operation) *Error {
	e := &Error{Code: err.Code, Text: err.Reason}
	switch err.Code {
	case amqp.AccessRefused:
		e.Remedy = denied(err.Reason, op)
	case amqp.ResourceLocked:
		e.Remedy = "the queue is exclusive to another connection: use a name of your own, or wait until that one is closed"
	case amqp.ChannelError:
		if err == amqp.ErrChannelMax {
			e.Remedy = "close consumers or use more connections"
		}
	default:
		e.Remedy = op.remedy(err.Code)
	}
	return e
}

// refuses tells whether e is about publishing to the exchange, and so about every publishing there, unless it was made
// or closed to the user this instant.
func (e *Error) refuses(exchange string) bool {
	name := cmp.Or(exchange, "amq.default")
	return (e.Code == amqp.NotFound || e.Code == amqp.AccessRefused) && strings.Contains(e.Text, "exchange '"+name+"' in ")
}

// reason is why a channel or a connection has ended: the broker's word, or what the socket met.
func reason(err *amqp.Error, op operation) error {
	if err.Server {
		return refusal(err, op)
	}
	return errors.New(err.Reason)
}

// gone tells the broker's refusal, an *Error, from the loss of the channel or the socket, errChannelClosed.
func gone(err error, op operation) error {
	var e *amqp.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, amqp.ErrChannelMax):
		return refusal(amqp.ErrChannelMax, op)
	case errors.As(err, &e) && e.Server && e.Code != amqp.ConnectionForced && e.Code != amqp.InternalError:
		return refusal(e, op)
	case errors.As(err, &e), errors.Is(err, net.ErrClosed): // the socket's, before amqp091-go knows
		return errChannelClosed
	default:
		return err
	}
}

func isRefusal(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal)
}
