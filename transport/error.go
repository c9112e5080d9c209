package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"
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

// TooLarge is the error of a body larger than the connection may send.
type TooLarge struct{ Size, Limit int }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("body of %d bytes is over max_message, %d", e.Size, e.Limit)
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

// refusal turns what amqp091-go reports into ours.
func refusal(err *amqp.Error, remedy string) *Error {
	switch {
	case err.Code == amqp.ResourceLocked:
		remedy = "the queue is exclusive to another connection: use a name of your own, or wait until that one is closed"
	case err.Code == amqp.AccessRefused && strings.Contains(err.Reason, "refused for user"):
		remedy = "give the user the rights for it (rabbitmqctl set_permissions)"
	}
	return &Error{Code: err.Code, Text: err.Reason, Remedy: remedy}
}

// reason is why a channel or a connection has ended: the broker's word, or what the socket met.
func reason(err *amqp.Error) error {
	if err.Server {
		return refusal(err, "")
	}
	return errors.New(err.Reason)
}

// gone tells the broker's refusal, an *Error, from the loss of the channel or the socket, errGone.
func gone(err error, remedy string) error {
	var e *amqp.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, amqp.ErrChannelMax):
		return refusal(amqp.ErrChannelMax, "close consumers or use more connections")
	case errors.As(err, &e) && e.Server && e.Code != amqp.ConnectionForced && e.Code != amqp.InternalError:
		return refusal(e, remedy)
	case errors.As(err, &e):
		return errGone
	default:
		return err
	}
}

// explain says what is wrong when a broker cannot be connected to, and what would be right.
func explain(ctx context.Context, a address, err error) error {
	var (
		refused   *amqp.Error
		name      *net.DNSError
		noTLS     tls.RecordHeaderError
		unknownCA x509.UnknownAuthorityError
		otherHost x509.HostnameError
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody is listening there (%w): start a broker, `gomeko broker` or RabbitMQ, or name another", err)
	case errors.As(err, &name):
		return fmt.Errorf("%w: check the host's name", err)
	case errors.As(err, &noTLS):
		return fmt.Errorf("what listens there does not speak TLS (%w): use amqp://, or the broker's TLS port, mostly 5671", err)
	case errors.As(err, &unknownCA):
		return fmt.Errorf("%w: add the broker's CA to the certificates of this system", err)
	case errors.As(err, &otherHost):
		return fmt.Errorf("%w: use a name that the broker's certificate has", err)
	case errors.As(err, &refused) && refused.Server && refused.Code == amqp.NotAllowed:
		return &Error{refused.Code, refused.Reason, fmt.Sprintf(
			"make the vhost %q and give the user %q rights to it (rabbitmqctl add_vhost, set_permissions), or name another", a.vhost, a.user)}
	case errors.As(err, &refused) && refused.Code == amqp.AccessRefused:
		remedy := fmt.Sprintf("login of user %q refused: check name and password", a.user)
		if a.user == "guest" {
			remedy += ", or name another user: RabbitMQ lets guest in from its own machine only"
		}
		return &Error{refused.Code, refused.Reason, remedy}
	case ctx.Err() != nil:
		return fmt.Errorf("no AMQP broker answers there: %w", context.Cause(ctx))
	case errors.As(err, &refused) && refused.Server:
		return refusal(refused, "")
	case errors.As(err, &refused):
		return fmt.Errorf("what listens there hangs up or does not speak AMQP 0-9-1 (%s): check the port; 5671 needs amqps://", refused.Reason)
	}
	return err
}
