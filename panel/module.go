package panel

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/service"
)

// Serving configures [Module]. Open is required.
type Serving struct {
	// Config is the configuration of the panel. Accounts and DB are set from Open. Broker, Jobs and
	// Logger default to those of the services.
	Config

	// Listen is the address on which the panel is served. The default is 127.0.0.1:8080.
	// Connections are not encrypted: to make the panel available to other hosts, put a proxy with
	// TLS in front of it, and set Config.URL.
	Listen string

	// Open opens the database of the accounts when the services start. Module closes it after they
	// have stopped. Packages panel/sqlite and panel/postgres provide such a function; you may also
	// write one.
	Open func(ctx context.Context) (*sql.DB, account.Dialect, error)

	// Ready, if set, is called with the URL of the panel once it is served. If it returns an error,
	// the start fails.
	Ready func(ctx context.Context, url string, accounts *account.Accounts) error
}

// defaultListen is the default address of a panel in a program with services.
const defaultListen = "127.0.0.1:8080"

// Limits of the server. Answers have no time limit, because live progress continues as long as its
// page is open.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	idleTime   = 2 * time.Minute
)

// Module serves a panel in a program that has services. The panel uses the services' connection to
// the broker and their store of jobs:
//
//	runner.Main(service.Provide(new(Shop)), panel.Module(panel.Serving{Open: sqlite.Open("panel.db")}))
//
// The panel has a separate address, so only one process of the program can serve it on a host.
func Module(s Serving) fx.Option {
	return service.Configure[service.Extension](func(h *service.Host) error {
		if s.Open == nil {
			return errors.New("panel.Serving: Open: must be set: it opens the database of the accounts")
		}
		_, err := service.Shared(h, func(h *service.Host) (*serving, error) {
			c, err := connection.Publishing(h)
			if err != nil {
				return nil, err
			}
			stored, _ := service.Lookup[jobs.Config](h)
			return &serving{Serving: s, host: h, connection: c, stored: stored}, nil
		})
		return err
	})
}

// A serving is a panel that runs beside services.
type serving struct {
	Serving

	host       *service.Host
	connection *connection.Shared
	stored     jobs.Config

	server  *http.Server
	ended   chan struct{} // closed when the server has stopped
	closers []func(context.Context) error
}

// Start serves the panel.
func (s *serving) Start(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
		}
	}()
	cfg := s.Config
	cfg.Broker, cfg.Logger = cmp.Or(cfg.Broker, s.connection.Conn()), cmp.Or(cfg.Logger, s.host.Logger())
	if cfg.Jobs == nil {
		if cfg.Jobs, err = s.openStore(ctx); err != nil {
			return err
		}
	}
	db, dialect, err := s.Open(ctx)
	if err != nil {
		return fmt.Errorf("database of the panel: %w", err)
	}
	s.closers = append(s.closers, func(context.Context) error { return db.Close() })
	if cfg.Accounts, err = account.Open(ctx, db, dialect); err != nil {
		return err
	}
	cfg.DB = db
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(s.Listen, defaultListen))
	if err != nil {
		return fmt.Errorf("%w: give the panel another address with panel.Serving.Listen", err)
	}
	pages, err := New(ctx, cfg)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.closers = append(s.closers, pages.Close)
	s.serve(listener, pages)
	if s.Ready != nil {
		return s.Ready(ctx, "http://"+listener.Addr().String(), cfg.Accounts)
	}
	return nil
}

// openStore returns the store of the services' jobs, or nil without one.
func (s *serving) openStore(ctx context.Context) (*store.Store, error) {
	if s.stored.Store != nil || s.stored.Open == nil {
		return s.stored.Store, nil
	}
	jobs, err := s.stored.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("store of jobs of the panel: %w", err)
	}
	s.closers = append(s.closers, func(context.Context) error { return jobs.Close() })
	return jobs, nil
}

// serve serves the pages until close is called.
func (s *serving) serve(listener net.Listener, pages *Panel) {
	s.server = &http.Server{Handler: pages, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime}
	s.server.RegisterOnShutdown(pages.Drain)
	s.closers = append(s.closers, s.server.Shutdown)
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.host.Fail(fmt.Errorf("panel: %w", err))
		}
	}()
}

// Stop stops the server, and then closes what it uses.
func (s *serving) Stop(ctx context.Context) error { return s.close(ctx) }

// Kill cuts the connections of browsers.
func (s *serving) Kill() {
	if s.server != nil {
		_ = s.server.Close()
	}
}

func (s *serving) close(ctx context.Context) (err error) {
	for i := len(s.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closers[i](ctx))
	}
	s.closers = nil
	if s.ended != nil {
		s.server.Close()
		<-s.ended
	}
	return err
}
