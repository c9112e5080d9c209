package oidc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/gomeko/gomeko/panel/account"
)

// The defaults of [Config].
const (
	defaultTitle     = "Single sign-on"
	defaultNameClaim = "preferred_username"
	requestTime      = 10 * time.Second
)

// Config configures a Provider. Issuer, ClientID and RedirectURL are required.
type Config struct {
	// Issuer is the URL of the provider, exactly as in its tokens. The provider's configuration is
	// read from /.well-known/openid-configuration below it. It must be https, except on this
	// machine.
	Issuer string

	// ClientID and ClientSecret are assigned by the provider. Without a secret, the panel is a
	// public client, which PKCE protects.
	ClientID, ClientSecret string

	// RedirectURL is where the provider sends the browser after the login. It must be registered
	// with the provider.
	RedirectURL string

	// Title is the text of the button, after "Log in with". The default is Single sign-on.
	Title string

	// Scopes are requested in addition to openid. The default is profile and email.
	Scopes []string

	// NameClaim is the claim with the name of a new user. The default is preferred_username. The
	// claim email is used only if email_verified is true.
	NameClaim string

	// GroupsClaim is the claim with the names of groups, a list or a text. It may be a name, such
	// as groups, or a path, such as realm_access.roles. If it is "", groups are assigned in the
	// panel.
	GroupsClaim string

	// Groups maps groups of the provider to groups of the panel. GroupPrefix selects groups of the
	// provider that begin with it, and the rest of the name is the group of the panel:
	// gomeko:control_panel/reports is control_panel/reports. A user is in exactly these groups, not
	// in those above them. GroupsClaim requires at least one of the two. A GroupPrefix of "*" takes
	// all names unchanged.
	Groups      map[string][]string
	GroupPrefix string

	// Client sends requests to the provider. The default gives up after 10 seconds.
	Client *http.Client

	// Logger defaults to [slog.Default].
	Logger *slog.Logger
}

// check returns the mistakes in a configuration.
func (c *Config) check() error {
	var all []error
	add := func(key, format string, args ...any) {
		all = append(all, fmt.Errorf("oidc: "+key+": "+format, args...))
	}
	if err := checkURL(c.Issuer, "https://id.example.org"); err != nil {
		add("issuer", "%w", err)
	}
	if c.ClientID == "" {
		add("client_id", "must be the id that the provider has given the panel")
	}
	if err := checkURL(c.RedirectURL, "https://panel.example.org/login/callback"); err != nil {
		add("redirect_url", "%w", err)
	}
	mapped := len(c.Groups) > 0 || c.GroupPrefix != ""
	switch {
	case c.GroupsClaim == "" && mapped:
		add("groups_claim", "must name the claim with the groups, as in groups, if groups or group_prefix is given")
	case c.GroupsClaim != "" && !mapped:
		add("group_prefix", `must say which groups of %s count: a prefix such as "gomeko:", or "*" for all; or map them with groups`, c.GroupsClaim)
	}
	for name, groups := range c.Groups {
		for _, group := range groups {
			if err := account.CheckPath(group); err != nil {
				add("groups", "%s: %w", name, err)
			}
		}
	}
	return errors.Join(all...)
}

// checkURL returns what is wrong with a URL that browsers or tokens depend on.
func checkURL(text, example string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("must be a URL, as in %s, not %.200q", example, text)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("must be https, since passwords and tokens would cross the network unencrypted, not %.200q", text)
	}
	return nil
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// client returns the client for requests to the provider. It limits the size of responses.
func (c *Config) client() *http.Client {
	client := http.Client{Timeout: requestTime, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: requestTime}).DialContext,
		TLSHandshakeTimeout: requestTime, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}}
	if c.Client != nil {
		client = *c.Client
	}
	next := client.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	client.Transport = limited{next}
	return &client
}

// maxAnswer limits how many bytes of a provider's response are read.
const maxAnswer = 1 << 20

// A limited truncates responses that are too large.
type limited struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	}
	return response, err
}
