package transport

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// An address is one broker of Config.URI, taken apart.
type address struct {
	hostport       string
	host           string
	tls            bool
	user, password string
	vhost          string
	shown          string // the URI as logs and errors may show it
}

// Redact returns the URI, or the list of them, as it may be shown: complete, with ** for the password, and the vhost
// "/" as a second slash (kombu's as_uri): amqp://guest:**@127.0.0.1:5672//. What is no URI is shown without what
// stands between "://" and "@".
func Redact(uri string) string {
	uris := split(uri)
	for i, u := range uris {
		if a, err := parse(u); err == nil {
			uris[i] = a.shown
			continue
		}
		scheme, rest, ok := strings.Cut(u, "://")
		if at := strings.LastIndex(rest, "@"); ok && at >= 0 {
			uris[i] = scheme + "://**" + rest[at:]
		}
	}
	return strings.Join(uris, ";")
}

// parse reads a URI as kombu does: no path, "/" and "//" are the vhost "/", "/a" is "a", and %2F is a slash.
func parse(uri string) (address, error) {
	u, err := url.Parse(uri)
	if err != nil {
		// The error of net/url quotes the password.
		return address{}, fmt.Errorf("broker's URI cannot be read: want amqp://user:password@host:port/vhost, with special characters in user, password and vhost as %%XX")
	}
	a := address{host: u.Hostname(), user: "guest", password: "guest", vhost: "/"}
	port := "5672"
	switch u.Scheme {
	case "amqp", "pyamqp":
	case "amqps":
		a.tls, port = true, "5671"
	default:
		return address{}, fmt.Errorf("broker's URI has the scheme %q: want amqp, amqps or pyamqp", u.Scheme)
	}
	if a.host == "" {
		a.host = "localhost"
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a.hostport = net.JoinHostPort(a.host, port)
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	if len(u.Path) > 1 {
		a.vhost = u.Path[1:]
	}
	vhost := a.vhost
	if vhost != "/" {
		vhost = url.PathEscape(vhost)
	}
	scheme := strings.TrimPrefix(u.Scheme, "py")
	a.shown = fmt.Sprintf("%s://%s:**@%s/%s", scheme, url.PathEscape(a.user), a.hostport, vhost)
	return a, nil
}

// split cuts a list of URIs at each ";" and "," that a scheme follows; others belong to a password.
func split(list string) []string {
	var uris []string
	start := 0
	for i := range list {
		if rest := strings.TrimLeft(list[i+1:], " "); strings.ContainsRune(";,", rune(list[i])) && hasScheme(rest) {
			uris = append(uris, strings.Trim(list[start:i], " "))
			start = i + 1
		}
	}
	return append(uris, strings.Trim(list[start:], " "))
}

func hasScheme(s string) bool {
	for _, scheme := range []string{"amqp://", "amqps://", "pyamqp://"} {
		if strings.HasPrefix(s, scheme) {
			return true
		}
	}
	return false
}
