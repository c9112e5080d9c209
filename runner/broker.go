package runner

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/certificate"
)

// brokerSettings are the keys under gomeko.broker, which gomeko broker reads. Flags override some
// of them.
type brokerSettings struct {
	Listen          string                `yaml:"listen"` // none disables it
	Management      string                `yaml:"management"`
	ManagementHosts []string              `yaml:"management_hosts"`
	Users           map[string]brokerUser `yaml:"users"`
	VHosts          []string              `yaml:"vhosts"`
	TLSListen       string                `yaml:"tls_listen"`
	TLSCert         string                `yaml:"tls_cert"`
	TLSKey          string                `yaml:"tls_key"`
	TLSCA           string                `yaml:"tls_ca"`
	TLSLoginFrom    string                `yaml:"tls_login_from"`
	Heartbeat       time.Duration         `yaml:"heartbeat" config:"none"`
	MaxMessage      int64                 `yaml:"max_message" config:"positive"`
	MaxMemory       int64                 `yaml:"max_memory" config:"positive"`
	MaxQueues       int                   `yaml:"max_queues" config:"positive"`
	MaxConnections  int                   `yaml:"max_connections" config:"positive"`
	MaxChannels     int                   `yaml:"max_channels" config:"positive"`
}

// A brokerUser is a user in brokerSettings.
type brokerUser struct {
	Password       string                      `yaml:"password"`
	Permissions    map[string]brokerPermission `yaml:"permissions"` // by virtual host; none is all
	Administrator  bool                        `yaml:"administrator"`
	MaxConnections int                         `yaml:"max_connections" config:"positive"`
	MaxChannels    int                         `yaml:"max_channels" config:"positive"`
}

// A brokerPermission is what a user may do in a virtual host.
type brokerPermission struct {
	Configure string `yaml:"configure"`
	Write     string `yaml:"write"`
	Read      string `yaml:"read"`
}

// mostChannels is the maximum number of channels that a connection can have.
const mostChannels = 2047

// noListener is the value of brokerSettings.Listen for a broker that listens with TLS only.
const noListener = "none"

// named returns the names of a key for messages: its name in the file, and its flag.
func named(key string) string {
	name := "gomeko.broker." + key
	flag := strings.ReplaceAll(key, "_", "-")
	switch key {
	case "tls_login_from":
		return name
	case "users", "vhosts", "management_hosts": // each use of the flag adds one
		flag = strings.TrimSuffix(flag, "s")
	}
	return name + " (--" + flag + ")"
}

// mistakes validates the settings, with the flags applied.
func (s *brokerSettings) mistakes() []error {
	var all []error
	add := func(key, format string, args ...any) {
		all = append(all, fmt.Errorf("%s: "+format, append([]any{named(key)}, args...)...))
	}
	for key, address := range map[string]string{"listen": s.Listen, "tls_listen": s.TLSListen, "management": s.Management} {
		if _, _, err := net.SplitHostPort(address); err != nil && address != "" && (key != "listen" || address != noListener) {
			add(key, "must be host:port, as in 127.0.0.1:5672, not %q", address)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Users)) {
		switch {
		case name == "":
			add("users", "a user must have a name")
		case s.Users[name].Password == "" && (s.TLSCA == "" || s.TLSListen == ""):
			add("users", "%s must have a password", name)
		}
		for _, vhost := range slices.Sorted(maps.Keys(s.Users[name].Permissions)) {
			if vhost != "/" && !slices.Contains(s.VHosts, vhost) {
				add("users", "%s has permissions in the virtual host %s, which is not in %s", name, vhost, named("vhosts"))
			}
			if err := broker.Permission(s.Users[name].Permissions[vhost]).Err(); err != nil {
				add("users", "%s: virtual host %s: %v", name, vhost, err)
			}
		}
	}
	all = append(all, s.negative()...)
	if s.MaxChannels > mostChannels {
		add("max_channels", "must be at most %d, not %d", mostChannels, s.MaxChannels)
	}
	if slices.Contains(s.VHosts, "") {
		add("vhosts", "a virtual host must have a name")
	}
	if (s.TLSCert == "") != (s.TLSKey == "") {
		add("tls_cert", "must be given together with %s", named("tls_key"))
	}
	if (s.TLSListen == "") != (s.TLSCert == "") {
		add("tls_cert", "must be given together with %s", named("tls_listen"))
	}
	if s.TLSCA != "" && s.TLSListen == "" {
		add("tls_ca", "has no effect without %s", named("tls_listen"))
	}
	switch s.TLSLoginFrom {
	case "", broker.LoginFromCommonName, broker.LoginFromDistinguishedName:
		if s.TLSLoginFrom != "" && s.TLSCA == "" {
			add("tls_login_from", "has no effect without %s", named("tls_ca"))
		}
	default:
		add("tls_login_from", "must be %s or %s, not %q", broker.LoginFromCommonName, broker.LoginFromDistinguishedName, s.TLSLoginFrom)
	}
	if s.Listen == noListener && s.TLSListen == "" {
		add("listen", "none needs %s: the broker would listen nowhere", named("tls_listen"))
	}
	if len(s.ManagementHosts) > 0 && s.Management == "" {
		add("management_hosts", "has no effect without %s", named("management"))
	}
	slices.SortFunc(all, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return all
}

// config returns the configuration of the broker.
func (s *brokerSettings) config() (broker.Config, error) {
	cfg := broker.Config{
		VHosts: s.VHosts, Heartbeat: s.Heartbeat, MaxMessage: s.MaxMessage, MaxMemory: s.MaxMemory,
		MaxQueues: s.MaxQueues, MaxConnections: s.MaxConnections, MaxChannels: s.MaxChannels, ManagementHosts: s.ManagementHosts, LoginFrom: s.TLSLoginFrom,
	}
	if len(s.Users) > 0 {
		cfg.Users, cfg.Access = make(map[string]string, len(s.Users)), make(map[string]broker.Access, len(s.Users))
		for name, user := range s.Users {
			cfg.Users[name], cfg.Access[name] = user.Password, user.access()
		}
	}
	if s.TLSListen == "" {
		return cfg, nil
	}
	cert, err := certificate.Load(s.TLSCert, s.TLSKey, slog.Default())
	if err != nil {
		return cfg, fmt.Errorf("%s and %s: must name PEM files of a certificate and its private key: %w", named("tls_cert"), named("tls_key"), err)
	}
	cfg.TLS = &tls.Config{GetCertificate: cert.Get, MinVersion: tls.VersionTLS12}
	if s.TLSCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(s.TLSCA)
	if err != nil {
		return cfg, fmt.Errorf("%s: %w", named("tls_ca"), err)
	}
	cfg.TLS.ClientCAs, cfg.TLS.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !cfg.TLS.ClientCAs.AppendCertsFromPEM(pem) {
		return cfg, fmt.Errorf("%s: %s has no certificate in PEM", named("tls_ca"), s.TLSCA)
	}
	return cfg, nil
}

// access returns the user's permissions and limits.
func (u *brokerUser) access() broker.Access {
	a := broker.Access{Administrator: u.Administrator, MaxConnections: u.MaxConnections, MaxChannels: u.MaxChannels}
	if u.Permissions != nil {
		a.VHosts = make(map[string]broker.Permission, len(u.Permissions))
		for vhost, p := range u.Permissions {
			a.VHosts[vhost] = broker.Permission(p)
		}
	}
	return a
}

func (c *command) brokerCommand() *cobra.Command {
	var given brokerSettings
	var users, permissions []string
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker in memory, for development and tests",
		Long: "Run a broker in memory, for development and tests.\n\n" +
			"Users, virtual hosts, TLS and limits are the keys of gomeko.broker in the file of --config; flags override\n" +
			"them, and --user and --permissions add to them. Without users, the user is guest, with the password guest, from\n" +
			"this machine only.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			surviveReaders()
			ctx, stop := signal.NotifyContext(cmd.Context(), stopSignals()...)
			defer stop()
			s, err := c.configuration()
			given.override(&s.brokerKeys, cmd.Flags())
			err = errors.Join(err, s.brokerKeys.addUsers(users, permissions))
			if err := errors.Join(append([]error{err}, s.brokerKeys.mistakes()...)...); err != nil {
				return err
			}
			return c.serveBroker(ctx, &s.brokerKeys)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&given.Listen, "listen", brokerAddress, "`ADDRESS` to listen on, or none with --tls-listen")
	flags.StringVar(&given.Management, "management", "", "`ADDRESS` to serve RabbitMQ's management API on, such as "+managementAddress)
	flags.StringArrayVar(&given.ManagementHosts, "management-host", nil, "`NAME` under which the management API is addressed, in addition to those of this machine; may be repeated")
	flags.StringArrayVar(&given.VHosts, "vhost", nil, "`NAME` of a virtual host, in addition to /; may be repeated")
	flags.StringVar(&given.TLSListen, "tls-listen", "", "`ADDRESS` to listen on with TLS, such as 0.0.0.0:5671")
	flags.StringVar(&given.TLSCert, "tls-cert", "", "PEM `FILE` of the certificate chain for --tls-listen")
	flags.StringVar(&given.TLSKey, "tls-key", "", "PEM `FILE` of the certificate's private key")
	flags.StringVar(&given.TLSCA, "tls-ca", "", "PEM `FILE` of the authorities of clients' certificates, which are then required")
	flags.StringArrayVar(&users, "user", nil, "`NAME:@FILE` of a user and a file with the password; may be repeated")
	flags.StringArrayVar(&permissions, "permissions", nil, "`'USER VHOST CONFIGURE WRITE READ'` of a user: regular expressions of names, as in 'ana / ^orders .* .*'; may be repeated. A user without any may do everything")
	given.addLimits(flags)
	cmd.AddCommand(c.statusCommand())
	return cmd
}

// addLimits adds the flags for limits.
func (given *brokerSettings) addLimits(flags *pflag.FlagSet) {
	flags.DurationVar(&given.Heartbeat, "heartbeat", time.Minute, "`INTERVAL` of heartbeats that is proposed to clients; 0 disables them")
	flags.Int64Var(&given.MaxMessage, "max-message", 128<<20, "largest message, in `BYTES`")
	flags.Int64Var(&given.MaxMemory, "max-memory", 1<<30, "memory that clients may take, in `BYTES`; over it, publishers wait")
	flags.IntVar(&given.MaxQueues, "max-queues", 0, "most queues of each virtual host, a `NUMBER` (default: no limit)")
	flags.IntVar(&given.MaxConnections, "max-connections", 0, "most connections to each virtual host, a `NUMBER` (default: no limit)")
	flags.IntVar(&given.MaxChannels, "max-channels", mostChannels, "most channels of each connection, a `NUMBER`")
}

// override copies the values of the flags that were given to s.
func (given *brokerSettings) override(s *brokerSettings, flags *pflag.FlagSet) {
	for flag, set := range map[string]func(){
		"listen":          func() { s.Listen = given.Listen },
		"management":      func() { s.Management = given.Management },
		"management-host": func() { s.ManagementHosts = given.ManagementHosts },
		"vhost":           func() { s.VHosts = given.VHosts },
		"tls-listen":      func() { s.TLSListen = given.TLSListen },
		"tls-cert":        func() { s.TLSCert = given.TLSCert },
		"tls-key":         func() { s.TLSKey = given.TLSKey },
		"tls-ca":          func() { s.TLSCA = given.TLSCA },
		"heartbeat":       func() { s.Heartbeat = cmp.Or(given.Heartbeat, -1) },
		"max-message":     func() { s.MaxMessage = given.MaxMessage },
		"max-memory":      func() { s.MaxMemory = given.MaxMemory },
		"max-queues":      func() { s.MaxQueues = given.MaxQueues },
		"max-connections": func() { s.MaxConnections = given.MaxConnections },
		"max-channels":    func() { s.MaxChannels = given.MaxChannels },
	} {
		if flags.Changed(flag) {
			set()
		}
	}
	s.Listen = cmp.Or(s.Listen, brokerAddress)
}

// serveBroker hosts a broker and its management API until ctx ends.
func (c *command) serveBroker(ctx context.Context, s *brokerSettings) error {
	cfg, err := s.config()
	if err != nil {
		return err
	}
	host := newEmbedded(cfg, c.notices())
	host.instead = "use that one, or give another address with --listen"
	if err := host.open(s); err != nil {
		_ = host.Close(ctx)
		return err
	}
	defer host.stop()
	<-ctx.Done()
	return nil
}

// open opens the ports of the broker and of its management API.
func (e *embedded) open(s *brokerSettings) error {
	if s.Listen != noListener {
		if err := e.listen(s.Listen); err != nil {
			return err
		}
	}
	if s.TLSListen != "" {
		bound, err := e.ListenTLS(s.TLSListen)
		if err != nil {
			return fmt.Errorf("embedded %w", err)
		}
		e.tell(fmt.Sprintf("embedded broker on %s with TLS, in memory: messages are gone when it stops", bound),
			"embedded broker started with TLS", "address", bound.String())
	}
	if s.Management != "" {
		bound, err := e.ListenManagement(s.Management)
		if err != nil {
			return fmt.Errorf("embedded %w", err)
		}
		e.tell(fmt.Sprintf("management API on http://%s", bound), "management API started", "url", fmt.Sprintf("http://%s", bound))
	}
	return nil
}
