package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"
)

// tlsAlert is the first byte that a TLS server sends to a client that does not speak TLS.
const tlsAlert = 0x15

var errSpeaksTLS = errors.New("an alert of TLS")

// A DialKind classifies why a connection to a broker failed.
type DialKind string

// These are the kinds of a [DialError].
const (
	DialName     DialKind = "name"     // the host name is not known
	DialRefused  DialKind = "refused"  // nobody is listening there
	DialSilent   DialKind = "silent"   // nobody answers in time
	DialTLS      DialKind = "tls"      // one side speaks TLS and the other does not, or they do not trust each other
	DialProtocol DialKind = "protocol" // the server does not speak AMQP 0-9-1
	DialLogin    DialKind = "login"    // the broker rejects the user or the password
	DialVHost    DialKind = "vhost"    // the virtual host does not exist
	DialAccess   DialKind = "access"   // the user may not use the virtual host
	DialLimit    DialKind = "limit"    // the broker has too many connections
	DialOther    DialKind = "other"
)

// A DialError says why a connection to one broker failed. The error of [Dial] wraps one for each
// broker of the URI.
type DialError struct {
	Broker string // its URI, without the password
	Kind   DialKind
	Err    error // says what to do
}

func (e *DialError) Error() string { return e.Broker + ": " + e.Err.Error() }
func (e *DialError) Unwrap() error { return e.Err }

func newDialError(ctx context.Context, a *address, err error) *DialError {
	return &DialError{a.redacted, dialKind(ctx, a, err), dialError(ctx, a, err)}
}

// dialKind classifies err, the error of connecting to a.
func dialKind(ctx context.Context, a *address, err error) DialKind {
	var refused *amqp.Error
	var name *net.DNSError
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return DialSilent
	case errors.As(err, &refused):
		return refusalKind(refused)
	case errors.As(err, &name):
		return DialName
	case errors.Is(err, syscall.ECONNREFUSED):
		return DialRefused
	case errors.Is(err, errSpeaksTLS):
		return DialTLS
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return DialProtocol
	case errors.As(err, &timeout) && timeout.Timeout():
		return DialSilent
	case tlsError(a, err) != err:
		return DialTLS
	}
	return DialOther
}

// refusalKind returns the kind of a refusal of the broker, or of amqp091-go's error about its
// answer.
func refusalKind(err *amqp.Error) DialKind {
	switch {
	case err == amqp.ErrSASL, err.Code == amqp.AccessRefused:
		return DialLogin
	case !err.Server:
		return DialProtocol
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "limit"):
		return DialLimit
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "refused for user"):
		return DialAccess
	case err.Code == amqp.NotAllowed:
		return DialVHost
	}
	return DialOther
}

// dialError adds to err, the error of connecting to a, what to do about it.
func dialError(ctx context.Context, a *address, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no AMQP broker answers there: %w", context.Cause(ctx))
	}
	var refused *amqp.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &refused):
		return loginError(a, refused)
	case errors.As(err, &name):
		return fmt.Errorf("%w: check the host name", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return &advised{fmt.Errorf("nobody is listening there (%w)", err), "start a broker (`gomeko broker`, or RabbitMQ) or use another address"}
	case errors.Is(err, errSpeaksTLS):
		return errors.New("the server speaks TLS: write amqps://, or set AMQP_SSL, or use the broker's port without TLS, usually 5672")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return protocolError(a, err.Error())
	}
	return tlsError(a, err)
}

// loginError explains a refusal of the broker, or amqp091-go's error about its answer.
func loginError(a *address, err *amqp.Error) error {
	remedy := ""
	switch {
	case err == amqp.ErrSASL:
		return fmt.Errorf("the broker does not offer the login method %s: enable it there, or set another LOGIN_METHOD", a.mechanism)
	case err.Code == amqp.AccessRefused && a.mechanism == "EXTERNAL":
		remedy = "login with the client's certificate refused: set certfile and keyfile, from a CA that the broker trusts, and create a user with the certificate's name and without a password"
	case err.Code == amqp.AccessRefused:
		remedy = fmt.Sprintf("login of user %q refused: check name and password", a.user)
		if a.user == "guest" {
			remedy += ", or use another user: RabbitMQ accepts guest only from its own machine"
		}
	case !err.Server:
		return protocolError(a, err.Reason)
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "limit"):
		remedy = "close connections, or raise the limit"
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "refused for user"):
		remedy = fmt.Sprintf(`grant access, as in rabbitmqctl set_permissions -p %s %s ".*" ".*" ".*"`, a.vhost, a.user)
	case err.Code == amqp.NotAllowed:
		remedy = fmt.Sprintf("create the vhost %q and grant the user %q access to it (rabbitmqctl add_vhost, set_permissions), or use another", a.vhost, a.user)
	}
	return &Error{Code: err.Code, Text: err.Reason, Remedy: remedy}
}

// protocolError explains that no AMQP broker answered.
func protocolError(a *address, how string) error {
	remedy := "check the port; 5671 needs amqps://"
	if a.tlsConfig != nil {
		remedy = "check the port"
	}
	return fmt.Errorf("the server hangs up or does not speak AMQP 0-9-1 (%s): %s", how, remedy)
}

// tlsError explains an error of TLS, and returns other errors unchanged.
func tlsError(a *address, err error) error {
	var (
		noTLS     tls.RecordHeaderError
		unknownCA x509.UnknownAuthorityError
		otherHost x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     *net.OpError
	)
	switch {
	case errors.As(err, &noTLS):
		return fmt.Errorf("the server does not speak TLS (%w): write amqp:// and omit AMQP_SSL, or use the broker's TLS port, usually 5671", err)
	case errors.As(err, &unknownCA):
		return fmt.Errorf("%w: set the file of the broker's CA, ca_certs under AMQP_SSL or cacertfile in the URI", err)
	case errors.As(err, &otherHost):
		return fmt.Errorf("%w: use a name from the broker's certificate, or set it: server_hostname under AMQP_SSL or server_name_indication in the URI", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: renew the broker's certificate, or set this machine's clock", err)
	case errors.As(err, &alert) && alert.Op == "remote error":
		if len(a.tlsConfig.Certificates) == 0 && a.tlsConfig.GetClientCertificate == nil {
			return fmt.Errorf("the broker ended the TLS handshake (%w): if it requires a client certificate, set certfile and keyfile under AMQP_SSL or in the URI", err)
		}
		return fmt.Errorf("the broker ended the TLS handshake (%w): check that the certificate in certfile is valid and from a CA that the broker trusts", err)
	}
	return err
}
