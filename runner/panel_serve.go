package runner

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/certificate"
	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/transport"
)

// panelAddress is the default address of the control panel. It is a loopback address because the
// connection is not encrypted.
const panelAddress = "127.0.0.1:8080"

// Limits of the control panel's server. Responses have no time limit, because live progress
// continues as long as the page is open.
const (
	panelHeaderTime = 10 * time.Second
	panelReadTime   = 30 * time.Second
	panelIdleTime   = 2 * time.Minute
	panelStopTime   = 20 * time.Second // for requests and calls still running when the process is stopped
)

// mistakes validates the settings of a panel that is served.
func (p *panelSettings) mistakes() error {
	var all []error
	add := func(key, text string) { all = append(all, fmt.Errorf("gomeko.panel.%s: %s", key, text)) }
	if _, _, err := net.SplitHostPort(p.Listen); err != nil {
		add("listen", fmt.Sprintf("must be host:port, as in %s, not %q", panelAddress, p.Listen))
	}
	if (p.TLSCert == "") != (p.TLSKey == "") {
		add("tls_cert", "must be given together with gomeko.panel.tls_key")
	}
	for _, proxy := range p.Proxies {
		if _, err := netip.ParsePrefix(proxy); err != nil {
			add("proxies", fmt.Sprintf("must be networks, as in 10.0.0.1/32, not %q", proxy))
		}
	}
	return errors.Join(all...)
}

// config returns the configuration of the panel.
func (p *panelSettings) config(accounts *account.Accounts, db *sql.DB) (panel.Config, error) {
	cfg := panel.Config{
		Accounts: accounts, DB: db, URL: p.URL, Secure: p.TLSCert != "", Title: p.Title, Idle: p.Idle, Lifetime: p.Lifetime, Logger: slog.Default(),
	}
	for _, proxy := range p.Proxies {
		cfg.Proxies = append(cfg.Proxies, netip.MustParsePrefix(proxy).Masked())
	}
	if p.Templates != "" {
		if _, err := os.Stat(p.Templates); err != nil {
			return cfg, fmt.Errorf("gomeko.panel.templates: %w", err)
		}
		cfg.Templates = os.DirFS(p.Templates)
	}
	var err error
	if cfg.SignOn, err = p.signOn(); err != nil || p.GrantKey == "" {
		return cfg, err
	}
	text, err := os.ReadFile(p.GrantKey)
	if err == nil {
		cfg.Key, err = grant.ParseKey(string(text))
	}
	if err != nil {
		return cfg, fmt.Errorf("gomeko.panel.grant_key: %w", err)
	}
	return cfg, nil
}

// servePanel serves the control panel until a signal comes.
func (p *panelCommand) servePanel(ctx context.Context, listen string) error {
	surviveReaders()
	s, err := p.configuration()
	if err != nil {
		return err
	}
	keys := &s.panelKeys
	keys.Listen = cmp.Or(listen, keys.Listen, panelAddress)
	if err := keys.mistakes(); err != nil {
		return usageError{err}
	}
	return p.withDatabase(ctx, s, func(ctx context.Context, accounts *account.Accounts, db *sql.DB, _ account.Dialect) error {
		return p.withBrokerOf(ctx, s, "gomeko panel", func(ctx context.Context, conn *transport.Conn) error {
			cfg, err := keys.config(accounts, db)
			if err != nil {
				return err
			}
			cfg.Broker, cfg.Configuration = conn, s.cfg
			if cfg.Jobs, err = s.storeOfJobs(ctx, "", checked); err != nil {
				return err
			}
			if cfg.Jobs != nil {
				defer cfg.Jobs.Close()
			}
			return p.serve(ctx, keys, cfg)
		}, stopSignals()...)
	})
}

// serve serves a panel until ctx ends.
func (p *panelCommand) serve(ctx context.Context, keys *panelSettings, cfg panel.Config) (err error) {
	server := &http.Server{ReadHeaderTimeout: panelHeaderTime, ReadTimeout: panelReadTime, IdleTimeout: panelIdleTime, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	scheme := "http"
	if keys.TLSCert != "" {
		scheme = "https"
		cert, err := certificate.Load(keys.TLSCert, keys.TLSKey, slog.Default())
		if err != nil {
			return fmt.Errorf("gomeko.panel.tls_cert and tls_key: must name PEM files of a certificate and its private key: %w", err)
		}
		server.TLSConfig = &tls.Config{GetCertificate: cert.Get, MinVersion: tls.VersionTLS12}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", keys.Listen)
	if err != nil {
		return fmt.Errorf("%w: give another address with --listen%s", err, stopOther(err))
	}
	defer listener.Close()
	pages, err := panel.New(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), panelStopTime)
		defer cancel()
		err = errors.Join(err, pages.Close(limited))
	}()
	server.Handler = pages
	server.RegisterOnShutdown(pages.Drain)
	if err := p.announce(ctx, scheme+"://"+listener.Addr().String(), keys, cfg.Accounts); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		if scheme == "https" {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	p.notices().notify("STOPPING=1")
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), panelStopTime)
	defer cancel()
	err = server.Shutdown(limited)
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// announce prints the panel's address, and what is missing before people can use it.
func (p *panelCommand) announce(ctx context.Context, address string, keys *panelSettings, accounts *account.Accounts) error {
	users, err := accounts.Users(ctx)
	if err != nil {
		return err
	}
	n := p.notices()
	n.tell("control panel on "+cmp.Or(keys.URL, address), "control panel started", "url", cmp.Or(keys.URL, address), "address", address)
	if len(users) == 0 && keys.OIDC == nil {
		const none = "nobody can log in: add a user with gomeko panel user add NAME --superuser"
		n.tell(none, none)
	}
	if scheme, _, _ := strings.Cut(address, ":"); scheme == "http" && !strings.HasPrefix(keys.URL, "https:") && !mux.IsLoopback(mux.HostName(keys.Listen)) {
		slog.Warn("passwords cross the network unencrypted: set gomeko.panel.tls_cert and tls_key, or gomeko.panel.url to the https URL of the proxy in front of the panel", "address", address)
	}
	n.notify("READY=1", "STATUS=serving the control panel")
	return nil
}

// keyCommand prints the public key of the panel.
func (p *panelCommand) keyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print the panel's public key, for gomeko.grant_key of workers",
		Long: "Print the panel's public key, for gomeko.grant_key of workers: with it they refuse calls of rows with allow that the\n" +
			"panel has not signed. The private key is that of gomeko.panel.grant_key, else it is in the database of the panel,\n" +
			"where this command generates it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.configuration()
			if err != nil {
				return err
			}
			return p.withDatabase(cmd.Context(), s, func(ctx context.Context, accounts *account.Accounts, db *sql.DB, _ account.Dialect) error {
				cfg, err := s.panelKeys.config(accounts, db)
				if err == nil && cfg.Key == nil {
					cfg.Key, err = panel.GrantKey(ctx, accounts)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(p.out, cfg.Key.PublicPEM())
				return err
			})
		},
	}
}
