package mux

import (
	"net"
	"net/netip"
	"strings"
)

// HostName returns the name in a Host header or an address in lower case, without the port and
// without the brackets of an IPv6 address.
func HostName(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
}

// IsLoopback reports whether a [HostName] always means this machine. A server on loopback must not
// trust other names. The owner of a name can have it resolve to 127.0.0.1, so that a browser takes
// the server for a part of the owner's site (DNS rebinding).
func IsLoopback(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
