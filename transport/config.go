package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

// Config says how to connect to a broker. Only URI is required.
type Config struct {
	// URI is amqp://user:password@host:port/vhost. The schemes amqps and pyamqp are accepted too.
	// The defaults are guest, guest, localhost, 5672 (5671 with TLS) and the vhost "/".
	//
	// Several URIs, separated by ";" or ",", name several brokers. They are tried in turn, starting
	// with the one after the broker whose connection was lost. The package comment lists the
	// parameters of a URI.
	URI string

	// TLS configures TLS for all brokers. If it is nil, only amqps uses TLS, with the system's CAs.
	// The broker's certificate must be valid for ServerName, by default the host of the URI. See
	// [ReadTLS].
	TLS *tls.Config

	// RenewTLS, if set, returns the TLS configuration for each reconnect, in place of TLS, so that a
	// renewed certificate is used. If it fails, the error is logged and the previous configuration
	// stays in use. Files that the URI names are read again in any case.
	RenewTLS func() (*tls.Config, error)

	// LoginMethod is the SASL mechanism: PLAIN, AMQPLAIN or EXTERNAL, which logs in with the
	// client's certificate. The default is PLAIN.
	LoginMethod string

	// Name is the name of the connection in the broker's management UI, such as "orders@host/1".
	Name string

	// Purpose says what the program uses the connection for, such as "events and messages". It is part
	// of log lines about the connection.
	Purpose string

	// Notify, if set, is called when the connection has opened, was lost, or has closed, by one
	// goroutine at a time. It must not block.
	Notify func(Change)

	// Dial makes the network connection to addr, the host:port of the URI. The default is TCP. An
	// embedded broker supplies an in-memory connection with it.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Wait is how long Dial keeps trying while the broker is unreachable, for a process that may start
	// before its broker. The default is 0: Dial tries once. A broker that rejects the login ends the
	// wait.
	Wait time.Duration

	// Heartbeat is the interval proposed to the broker, in whole seconds. The default is 60 s. The
	// shorter of this and the broker's interval is used. The connection is considered lost when the
	// broker has been silent for one and a half intervals.
	Heartbeat time.Duration

	// TopologyCheck is the interval at which the declared exchanges, queues and bindings are declared
	// again, in case somebody has deleted them at the broker. The default is one minute; a negative
	// value disables the check. If a publishing finds a part of them missing, they are declared again
	// at once.
	TopologyCheck time.Duration

	// MaxMessage is the largest body that may be sent, in bytes. The default is 16 MiB.
	MaxMessage int

	// CompressOver compresses bodies larger than this many bytes, if the sender knows that the
	// receiver reads compressed bodies ([Publishing].Compressible). The default, 0, never compresses,
	// because not every client of Nameko's wire reads compressed messages.
	CompressOver int

	// MaxDecoded limits the memory for decompressing and decoding the body of one received message, in
	// bytes. The default is 8 times MaxMessage.
	MaxDecoded int

	// Codec encodes what is sent (Nameko's serializer). The default is [codec.JSON].
	Codec codec.Codec

	// Accept holds the codecs that received messages may use (Nameko's ACCEPT). The default is
	// Codec, [codec.JSON] and [msgpack.Codec].
	Accept codec.Set

	// Logger logs reconnects, refusals and alarms of the broker. The default is slog.Default().
	Logger *slog.Logger
}

// Accepts returns the codecs that received messages may use: Accept, or its default.
func (c Config) Accepts() codec.Set {
	if len(c.Accept) > 0 {
		return c.Accept
	}
	set := codec.Set{codec.JSON, msgpack.Codec}
	if c.Codec == nil {
		return set
	}
	for i, other := range set {
		if other.ContentType() == c.Codec.ContentType() {
			set[i] = c.Codec
			return set
		}
	}
	return append(set, c.Codec)
}

// maxHeartbeat is the longest heartbeat: AMQP has 16 bits for its seconds.
const maxHeartbeat = math.MaxUint16 * time.Second

// String returns the URI, or the list of URIs, for logs and messages: with every default, without
// parameters, with ** for the password, and with a second slash for the vhost "/", like kombu's
// as_uri: amqp://guest:**@127.0.0.1:5672//. If a URI cannot be read, the part between "://" and "@"
// is left out.
func (c Config) String() string {
	uris := splitURIs(c.URI)
	for i, u := range uris {
		if a, err := parseURI(u, c.TLS != nil); err == nil {
			uris[i] = a.redacted
			continue
		}
		scheme, rest, ok := strings.Cut(u, "://")
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			rest = "**" + rest[at:]
		}
		if ok {
			rest, _, _ = strings.Cut(rest, "?")
			uris[i] = scheme + "://" + rest
		}
	}
	return strings.Join(uris, ";")
}

// addresses returns the brokers that URI names.
func (c Config) addresses() ([]*address, error) {
	mechanism, err := loginMethod(c.LoginMethod)
	if err != nil {
		return nil, err
	}
	if c.Heartbeat < 0 || c.Heartbeat > maxHeartbeat {
		return nil, fmt.Errorf("heartbeat: must be at most %s, not %s", maxHeartbeat, c.Heartbeat)
	}
	var addresses []*address
	for _, uri := range splitURIs(c.URI) {
		a, err := parseURI(uri, c.TLS != nil)
		if err != nil {
			return nil, err
		}
		a.mechanism = cmp.Or(a.mechanism, mechanism, "PLAIN")
		if a.tlsConfig, err = a.secure(c.TLS); err != nil {
			return nil, err
		}
		if a.mechanism == "EXTERNAL" && a.tlsConfig == nil {
			return nil, errors.New("login method EXTERNAL uses the client's certificate: write amqps:// and set certfile and keyfile")
		}
		addresses = append(addresses, &a)
	}
	return addresses, nil
}
