package transport

import (
	"cmp"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// An address is one broker of Config.URI, taken apart.
type address struct {
	hostport       string
	host           string
	tls            bool // wanted
	user, password string
	vhost          string
	parameters
	secured *tls.Config // how TLS is spoken; nil: it is not
	shown   string      // the URI as logs and errors may show it
}

// addresses takes the brokers of cfg apart.
func (cfg *Config) addresses() ([]*address, error) {
	mechanism, err := loginMethod(cfg.LoginMethod)
	if err != nil {
		return nil, err
	}
	var addresses []*address
	for _, uri := range split(cfg.URI) {
		a, err := parse(uri, cfg.TLS != nil)
		if err != nil {
			return nil, err
		}
		a.mechanism = cmp.Or(a.mechanism, mechanism, "PLAIN")
		if a.secured, err = a.secure(cfg.TLS); err != nil {
			return nil, err
		}
		if a.mechanism == "EXTERNAL" && a.secured == nil {
			return nil, errors.New("login method EXTERNAL is by the client's certificate: write amqps:// and name certfile and keyfile")
		}
		addresses = append(addresses, &a)
	}
	return addresses, nil
}

// String returns the URI, or the list of them, as it may be shown: complete but for its parameters, with ** for the
// password, and the vhost "/" as a second slash (kombu's as_uri): amqp://guest:**@127.0.0.1:5672//. What cannot be
// read is shown without what stands between "://" and "@".
func (cfg Config) String() string {
	uris := split(cfg.URI)
	for i, u := range uris {
		if a, err := parse(u, cfg.TLS != nil); err == nil {
			uris[i] = a.shown
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

// errUnreadable quotes nothing: any part of the URI may be the password's.
var errUnreadable = errors.New("broker's URI cannot be read: want amqp://user:password@host:port/vhost, " +
	"with special characters in user, password and vhost as %XX")

// parse reads a URI as kombu does: no path, "/" and "//" are the vhost "/", "/a" is "a", %2F is a slash, and what is
// not given, or empty, has its default. secure asks for TLS whatever the scheme says.
func parse(uri string, secure bool) (address, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		scheme = ""
	}
	a := address{user: "guest", password: "guest", vhost: "/"}
	switch scheme = strings.ToLower(scheme); scheme {
	case "amqp", "pyamqp":
		a.tls = secure
	case "amqps":
		a.tls = true
	default:
		return address{}, fmt.Errorf("broker's URI has the scheme %q: want amqp, amqps or pyamqp, as in amqp://guest:guest@localhost:5672/", scheme)
	}
	authority, path := cutPath(rest)
	if strings.ContainsAny(path, "@#") {
		return address{}, errUnreadable // a slash of the password's has cut it short
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, _ := strings.Cut(authority[:at], ":")
		a.user = cmp.Or(unquote(user), a.user)
		a.password = cmp.Or(unquote(password), a.password)
		authority = authority[at+1:]
	}
	path, query, _ := strings.Cut(path, "?")
	a.vhost = cmp.Or(unquote(strings.TrimPrefix(path, "/")), a.vhost)
	if err := a.place(authority); err != nil {
		return address{}, err
	}
	if err := a.parameters.parse(query); err != nil {
		return address{}, fmt.Errorf("broker's URI: %w", err)
	}
	vhost := a.vhost
	if vhost != "/" {
		vhost = url.PathEscape(vhost)
	}
	scheme = "amqp"
	if a.tls {
		scheme = "amqps"
	}
	a.shown = fmt.Sprintf("%s://%s:**@%s/%s", scheme, url.PathEscape(a.user), a.hostport, vhost)
	return a, nil
}

// place reads host and port: host, host:port, [::1]:port, or nothing.
func (a *address) place(authority string) error {
	host, port, _ := strings.Cut(authority, ":")
	if strings.HasPrefix(authority, "[") {
		var ok bool
		if host, port, ok = strings.Cut(authority[1:], "]"); !ok || net.ParseIP(host) == nil && !strings.Contains(host, "%") {
			return errUnreadable
		}
		if port, ok = strings.CutPrefix(port, ":"); !ok && port != "" {
			return errUnreadable
		}
	} else if strings.Contains(authority, ",") {
		return errors.New("broker's URI has several hosts: write a whole URI for each, separated by \";\"")
	}
	a.host = cmp.Or(unquote(host), "localhost")
	switch {
	case port != "":
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return errUnreadable
		}
	case a.tls:
		port = "5671"
	default:
		port = "5672"
	}
	a.hostport = net.JoinHostPort(a.host, port)
	return nil
}

// cutPath cuts what follows "://" where the path, the parameters or the fragment begins.
func cutPath(rest string) (authority, path string) {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i], rest[i:]
	}
	return rest, ""
}

var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// unquote decodes %XX and leaves other % as they are, as Python's urllib does.
func unquote(s string) string {
	return escape.ReplaceAllStringFunc(s, func(x string) string {
		b, _ := hex.DecodeString(x[1:])
		return string(b)
	})
}

// split cuts a list of URIs at each ";" and "," that a scheme follows; others belong to a password.
func split(list string) []string {
	var uris []string
	start := 0
	for i := range list {
		if rest := strings.TrimLeft(list[i+1:], " "); strings.ContainsRune(";,", rune(list[i])) && hasScheme(rest) {
			uris = append(uris, hosts(strings.Trim(list[start:i], " "))...)
			start = i + 1
		}
	}
	return append(uris, hosts(strings.Trim(list[start:], " "))...)
}

// hosts returns the URI and one more for each host that follows it behind a ";", as kombu takes them: the further hosts
// have all else from the URI.
func hosts(uri string) []string {
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
			uris = append(uris, host) // to be refused
		case strings.Contains(host, ":"):
			uris = append(uris, uri[:start]+host+path)
		default:
			uris = append(uris, uri[:start]+host+port+path)
		}
	}
	return uris
}

func hasScheme(s string) bool {
	for _, scheme := range []string{"amqp://", "amqps://", "pyamqp://"} {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}
