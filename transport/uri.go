package transport

import (
	"cmp"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An address is one broker of Config.URI.
type address struct {
	hostport       string
	host           string
	wantTLS        bool
	user, password string
	vhost          string
	parameters
	tlsConfig *tls.Config // nil if TLS is not used
	redacted  string      // the URI for logs and errors
}

// errInvalidURI quotes nothing, because any part of the URI may belong to the password.
var errInvalidURI = errors.New("the broker's URI cannot be read: want amqp://user:password@host:port/vhost, " +
	"with special characters in user, password and vhost as %XX")

// parseURI reads a URI as kombu does. With no path, "/" or "//", the vhost is "/"; with "/a" it is
// "a"; %2F is a slash. A part that is missing or empty has its default. If secure is set, every
// scheme uses TLS.
func parseURI(uri string, secure bool) (address, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		scheme = ""
	}
	a := address{user: "guest", password: "guest", vhost: "/"}
	switch scheme = strings.ToLower(scheme); scheme {
	case "amqp", "pyamqp":
		a.wantTLS = secure
	case "amqps":
		a.wantTLS = true
	case "":
		if strings.TrimSpace(uri) == "" {
			return address{}, errors.New("the broker's URI is empty: want amqp://user:password@host:port/vhost")
		}
		return address{}, errors.New("the broker's URI has no scheme: want amqp, amqps or pyamqp, as in amqp://user:password@localhost:5672/")
	default:
		return address{}, fmt.Errorf("the broker's URI has the scheme %q: want amqp, amqps or pyamqp, as in amqp://user:password@localhost:5672/", scheme)
	}
	authority, path := cutPath(rest)
	if strings.ContainsAny(path, "@#") {
		return address{}, errInvalidURI // the password contains a slash, which ended the authority
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		a.user = cmp.Or(unquote(user), a.user)
		a.password = cmp.Or(unquote(password), a.password)
		authority = authority[at+1:]
	}
	path, query, _ := strings.Cut(path, "?")
	a.vhost = cmp.Or(unquote(strings.TrimPrefix(path, "/")), a.vhost)
	if err := a.parseHost(authority); err != nil {
		return address{}, err
	}
	if err := a.parameters.parse(query); err != nil {
		return address{}, fmt.Errorf("the broker's URI: %w", err)
	}
	vhost := a.vhost
	if vhost != "/" {
		vhost = url.PathEscape(vhost)
	}
	scheme = "amqp"
	if a.wantTLS {
		scheme = "amqps"
	}
	a.redacted = fmt.Sprintf("%s://%s:**@%s/%s", scheme, url.PathEscape(a.user), a.hostport, vhost)
	return a, nil
}

// parseHost reads host, host:port, [::1]:port, or nothing.
func (a *address) parseHost(authority string) error {
	host, port, _ := strings.Cut(authority, ":")
	if strings.HasPrefix(authority, "[") {
		var ok bool
		if host, port, ok = strings.Cut(authority[1:], "]"); !ok || net.ParseIP(host) == nil && !strings.Contains(host, "%") {
			return errInvalidURI
		}
		if port, ok = strings.CutPrefix(port, ":"); !ok && port != "" {
			return errInvalidURI
		}
	} else if strings.Contains(authority, ",") {
		return errors.New("the broker's URI has several hosts: write a complete URI for each, separated by \";\"")
	}
	a.host = cmp.Or(unquote(host), "localhost")
	switch {
	case port != "":
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errInvalidURI
		}
	case a.wantTLS:
		port = "5671"
	default:
		port = "5672"
	}
	a.hostport = net.JoinHostPort(a.host, port)
	return nil
}

// secure returns the TLS configuration for the broker: base with the parameters of the URI, or nil
// if TLS is not used.
func (a *address) secure(base *tls.Config) (*tls.Config, error) {
	if !a.wantTLS {
		if a.tlsOptions != (tlsOptions{}) {
			return nil, errors.New("the broker's URI: cacertfile, certfile, keyfile, server_name_indication and verify need TLS: write amqps://")
		}
		return nil, nil
	}
	cfg := newTLS()
	if base != nil {
		cfg = base.Clone()
	}
	if err := a.tlsOptions.apply(cfg); err != nil {
		return nil, fmt.Errorf("the broker's URI: %w", err)
	}
	cfg.ServerName = cmp.Or(cfg.ServerName, a.host)
	return cfg, nil
}

// parameters are the part of a URI after "?", as RabbitMQ's clients and kombu write it.
type parameters struct {
	heartbeat  time.Duration // 0 means Config.Heartbeat
	timeout    time.Duration // for connect, TLS and login; 0 means dialTimeout
	mechanism  string        // of the login; "" means Config.LoginMethod
	tlsOptions tlsOptions
}

func (p *parameters) parse(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters cannot be read: want name=value, separated by &, with special characters as %XX")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := p.set(name, values.Get(name)); err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return nil
}

func (p *parameters) set(name, value string) (err error) {
	switch name {
	case "heartbeat":
		p.heartbeat, err = parseDuration(value, time.Second, math.MaxUint16)
	case "connection_timeout": // RabbitMQ's
		p.timeout, err = parseDuration(value, time.Millisecond, math.MaxInt32)
	case "connect_timeout": // kombu's
		p.timeout, err = parseDuration(value, time.Second, math.MaxInt32)
	case "auth_mechanism", "login_method": // RabbitMQ's, kombu's
		p.mechanism, err = loginMethod(value)
	case "cacertfile":
		p.tlsOptions.ca = option{name, value}
	case "certfile":
		p.tlsOptions.cert = option{name, value}
	case "keyfile":
		p.tlsOptions.key = option{name, value}
	case "server_name_indication":
		p.tlsOptions.serverName = value
	case "verify":
		p.tlsOptions.unverified = value == "verify_none"
		if value != "verify_peer" && value != "verify_none" {
			err = errors.New("want verify_peer or verify_none")
		}
	default:
		err = errors.New("unknown: want heartbeat, connection_timeout, auth_mechanism, cacertfile, certfile, " +
			"keyfile, server_name_indication or verify")
	}
	return err
}

// parseDuration reads a number of units, at least 1 and at most most.
func parseDuration(s string, unit time.Duration, most uint64) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 || n > most {
		return 0, fmt.Errorf("must be an integer from 1 to %d", most)
	}
	return time.Duration(n) * unit, nil
}

// loginMethod returns AMQP's name of a SASL mechanism.
func loginMethod(name string) (string, error) {
	switch upper := strings.ToUpper(name); upper {
	case "", "PLAIN", "AMQPLAIN", "EXTERNAL":
		return upper, nil
	default:
		return "", fmt.Errorf("unknown login method %q: want PLAIN, AMQPLAIN, or EXTERNAL for the client's certificate", name)
	}
}

// splitURIs splits a list of URIs at each ";" and "," that precedes a scheme; the others belong to
// a password.
func splitURIs(list string) []string {
	var uris []string
	start := 0
	for i := range list {
		if rest := strings.TrimLeft(list[i+1:], " "); strings.ContainsRune(";,", rune(list[i])) && hasScheme(rest) {
			uris = append(uris, splitHosts(strings.Trim(list[start:i], " "))...)
			start = i + 1
		}
	}
	return append(uris, splitHosts(strings.Trim(list[start:], " "))...)
}

func hasScheme(s string) bool {
	for _, scheme := range []string{"amqp://", "amqps://", "pyamqp://"} {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}

// splitHosts returns a URI for each host of uri. As kombu reads them, further hosts follow the URI
// after a ";" and share the rest of it.
func splitHosts(uri string) []string {
	scheme := strings.Index(uri, "://")
	if scheme < 0 {
		return []string{uri}
	}
	start := max(scheme+len("://"), strings.LastIndex(uri, "@")+1)
	first, rest, _ := strings.Cut(uri[start:], ";")
	uris := []string{uri[:start] + first}
	first, path := cutPath(first)
	port := ""
	if i := strings.LastIndex(first, ":"); i > strings.LastIndex(first, "]") {
		port = first[i:]
	}
	for host := range strings.SplitSeq(rest, ";") {
		switch host = strings.Trim(host, " "); {
		case host == "":
		case strings.ContainsAny(host, "/?#"):
			uris = append(uris, host) // parseURI refuses it
		case strings.Contains(host, ":"):
			uris = append(uris, uri[:start]+host+path)
		default:
			uris = append(uris, uri[:start]+host+port+path)
		}
	}
	return uris
}

// cutPath cuts the part of a URI after "://" where the path, the parameters or the fragment begins.
func cutPath(rest string) (authority, path string) {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unquote decodes %XX and keeps every other %, like Python's urllib.
func unquote(s string) string {
	return escape.ReplaceAllStringFunc(s, func(x string) string {
		b, _ := hex.DecodeString(x[1:])
		return string(b)
	})
}
