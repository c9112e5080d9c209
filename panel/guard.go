package panel

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// policy is the Content-Security-Policy of all answers. It forbids inline content, content from
// other hosts, and framing.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard sets the headers of all answers, and rejects requests made by pages of other origins.
func (p *Panel) guard(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if origin, _ := p.cfg.origin(); origin != nil {
		_ = protection.AddTrustedOrigin(origin.String()) // fails only for what is not an origin
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Panel: p, w: w, r: r}
		v.fail(&pageError{http.StatusForbidden, "This came from another page", "The request was not made by a page of this panel, so nothing was done. Open the page again, and try once more."})
	}))
	protected := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer, browsers hide the Origin of our own forms
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if p.cfg.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		protected.ServeHTTP(w, r)
	})
}

// maxBody limits the size of a request's body, in bytes.
const maxBody = 1 << 20

// address returns the address of the client that made a request, behind the proxies of the panel.
func (c *Config) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, before := range slices.Backward(forwarded) {
		if !c.isProxy(host) {
			break
		}
		ip, err := forwardedFor(strings.TrimSpace(before))
		if err != nil {
			break
		}
		host = ip.Unmap().WithZone("").String() // a zone may be any text
	}
	return host
}

// forwardedFor parses an address of X-Forwarded-For. Some proxies append a port, and put IPv6
// addresses in brackets.
func forwardedFor(text string) (netip.Addr, error) {
	if ip, err := netip.ParseAddrPort(text); err == nil {
		return ip.Addr(), nil
	}
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
}

// isProxy reports whether an address is that of a proxy in front of the panel.
func (c *Config) isProxy(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(c.Proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}
