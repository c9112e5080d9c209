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

// tlsAlert is the first byte of what a TLS server says to a client that speaks something else.
const tlsAlert = 0x15

var errSpeaksTLS = errors.New("an alert of TLS")

// explain says why a broker cannot be connected to, and what would be right.
func explain(ctx context.Context, a *address, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no AMQP broker answers there: %w", context.Cause(ctx))
	}
	var refused *amqp.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &refused):
		return a.refused(refused)
	case errors.As(err, &name):
		return fmt.Errorf("%w: check the host's name", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nobody is listening there (%w): start a broker, `gomeko broker` or RabbitMQ, or name another", err)
	case errors.Is(err, errSpeaksTLS):
		return errors.New("what listens there speaks TLS: write amqps://, or set AMQP_SSL, or name the broker's port without it, mostly 5672")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return a.hangsUp(err.Error())
	}
	return a.untrusted(err)
}

// refused explains what a broker has said, or amqp091-go of what it has said.
func (a *address) refused(err *amqp.Error) error {
	remedy := ""
	switch {
	case err == amqp.ErrSASL:
		return fmt.Errorf("the broker does not offer the login method %s: enable it there, or set another LOGIN_METHOD", a.mechanism)
	case err.Code == amqp.AccessRefused && a.mechanism == "EXTERNAL":
		remedy = "login by the client's certificate refused: name certfile and keyfile, of a CA that the broker trusts, and make a user of the certificate's name without a password"
	case err.Code == amqp.AccessRefused:
		remedy = fmt.Sprintf("login of user %q refused: check name and password", a.user)
		if a.user == "guest" {
			remedy += ", or name another user: RabbitMQ lets guest in from its own machine only"
		}
	case !err.Server:
		return a.hangsUp(err.Reason)
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "limit"):
		remedy = "close connections, or raise the limit"
	case err.Code == amqp.NotAllowed && strings.Contains(err.Reason, "refused for user"):
		remedy = fmt.Sprintf(`grant it, as in rabbitmqctl set_permissions -p %s %s ".*" ".*" ".*"`, a.vhost, a.user)
	case err.Code == amqp.NotAllowed:
		remedy = fmt.Sprintf("make the vhost %q and give the user %q rights to it (rabbitmqctl add_vhost, set_permissions), or name another", a.vhost, a.user)
	}
	return &Error{Code: err.Code, Text: err.Reason, Remedy: remedy}
}

func (a *address) hangsUp(how string) error {
	remedy := "check the port; 5671 needs amqps://"
	if a.secured != nil {
		remedy = "check the port"
	}
	return fmt.Errorf("what listens there hangs up or does not speak AMQP 0-9-1 (%s): %s", how, remedy)
}

// untrusted explains what TLS has met.
func (a *address) untrusted(err error) error {
	var (
		noTLS     tls.RecordHeaderError
		unknownCA x509.UnknownAuthorityError
		otherHost x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     *net.OpError
	)
	switch {
	case errors.As(err, &noTLS):
		return fmt.Errorf("what listens there does not speak TLS (%w): write amqp:// and leave AMQP_SSL away, or name the broker's TLS port, mostly 5671", err)
	case errors.As(err, &unknownCA):
		return fmt.Errorf("%w: name the file of the broker's CA, ca_certs under AMQP_SSL or cacertfile in the URI", err)
	case errors.As(err, &otherHost):
		return fmt.Errorf("%w: use a name that the broker's certificate has, or set it, server_hostname under AMQP_SSL or server_name_indication in the URI", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: renew the broker's certificate, or set this machine's clock", err)
	case errors.As(err, &alert) && alert.Op == "remote error":
		if len(a.secured.Certificates) == 0 && a.secured.GetClientCertificate == nil {
			return fmt.Errorf("the broker ends TLS (%w): if it wants a certificate of its clients, name certfile and keyfile under AMQP_SSL or in the URI", err)
		}
		return fmt.Errorf("the broker ends TLS (%w): is the certificate in certfile valid, and of a CA that the broker trusts?", err)
	}
	return err
}
