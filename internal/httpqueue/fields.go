package httpqueue

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

// hopByHop lists the fields that belong to one connection (RFC 9110, 7.6.1), and those that say
// where a message ends. They are not forwarded in either direction.
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Authentication-Info": true, "Http2-Settings": true,
}

// notTrailers are further fields that must not be trailers (RFC 9110, 6.5.1).
var notTrailers = map[string]bool{
	"Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Content-Range": true, "Host": true,
	"Authorization": true, "Cache-Control": true, "Set-Cookie": true, "Cookie": true, "Expect": true, "Forwarded": true,
	"Max-Forwards": true, "Pragma": true, "Range": true, "Location": true, "Www-Authenticate": true, "X-Request-Id": true,
}

// named returns the names that the Connection field lists. These fields also belong to the
// connection.
func named(h http.Header) map[string]bool {
	var names map[string]bool
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name != "" {
				if names == nil {
					names = map[string]bool{}
				}
				names[name] = true
			}
		}
	}
	return names
}

// encodeFields returns the fields for which crosses returns true, as name, value, name, value, …,
// sorted by name.
func encodeFields(h http.Header, crosses func(name string) bool) []any {
	list := make([]any, 0, 2*len(h))
	listed := named(h)
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if canonical := http.CanonicalHeaderKey(name); hopByHop[canonical] || listed[canonical] || !isToken(name) || !crosses(canonical) {
			continue
		}
		for _, value := range h[name] {
			if isValue(value) {
				list = append(list, name, value)
			}
		}
	}
	return list
}

// decodeFields returns the fields of a message. It omits fields that belong to the connection. A
// field that is not valid in HTTP is an error.
func decodeFields(header any, crosses func(name string) bool) (http.Header, error) {
	list, ok := header.([]any)
	if !ok && header != nil || len(list)%2 != 0 {
		return nil, errors.New("fields: must be a list of names and values")
	}
	h := make(http.Header, len(list)/2)
	for i := 0; i < len(list); i += 2 {
		name, _ := list[i].(string)
		value, ok := list[i+1].(string)
		switch {
		case !isToken(name):
			return nil, fmt.Errorf("fields: %.40q is not a name", name)
		case !ok || !isValue(value):
			return nil, fmt.Errorf("fields: %s has a value that HTTP cannot have", name)
		}
		name = http.CanonicalHeaderKey(name)
		h[name] = append(h[name], value)
	}
	listed := named(h)
	maps.DeleteFunc(h, func(name string, _ []string) bool { return hopByHop[name] || listed[name] || !crosses(name) })
	return h, nil
}

// mayTrail reports whether a field may be a trailer.
func mayTrail(name string) bool { return !hopByHop[name] && !notTrailers[name] }

// encodeNames returns the names of trailers as a list.
func encodeNames(names []string) []any {
	var list []any
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if isToken(name) && mayTrail(name) {
			list = append(list, name)
		}
	}
	return list
}

// decodeNames returns the names of trailers in a message, except for those that must not be
// trailers.
func decodeNames(header any) (names []string) {
	list, _ := header.([]any)
	for _, one := range list {
		if name, _ := one.(string); isToken(name) && mayTrail(http.CanonicalHeaderKey(name)) {
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	return names
}

// isToken reports whether text is a token (RFC 9110, 5.6.2), like a method or the name of a field.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

// isValue reports whether text may be the value of a field: it has no control characters but tabs.
func isValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isHost reports whether text may be the host of a request.
func isHost(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"#/<>?@\^{|}`+"`", c) >= 0 {
			return false
		}
	}
	return true
}

// forwarded returns the element that a front adds to the Forwarded field (RFC 7239).
func forwarded(remote, host, scheme string) string {
	node := "unknown"
	if address, _, err := net.SplitHostPort(remote); err == nil && net.ParseIP(zoneless(address)) != nil {
		if node = zoneless(address); strings.Contains(node, ":") {
			node = `"[` + node + `]"`
		}
	}
	element := "for=" + node
	if host != "" && isHost(host) {
		if isToken(host) {
			element += ";host=" + host
		} else {
			element += `;host="` + host + `"`
		}
	}
	return element + ";proto=" + scheme
}

// zoneless returns an address without its IPv6 zone.
func zoneless(address string) string {
	address, _, _ = strings.Cut(address, "%")
	return address
}
