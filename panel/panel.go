package panel

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/gomeko/gomeko/internal/mux"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/transport"
)

// Config configures a [Panel]. Accounts, DB and Broker are needed.
type Config struct {
	// Accounts are the users, and DB the database that has them. Whoever has opened it closes it.
	Accounts *account.Accounts
	DB       *sql.DB

	// Broker is the connection to the fleet. Whoever has dialled it closes it.
	Broker *transport.Conn

	// Jobs is the store of the fleet's jobs. Without it, jobs have no progress and cannot be
	// cancelled, and those that run when the panel stops are lost to the history.
	Jobs *store.Store

	// URL is where people reach the panel, as in https://panel.example.org. With https, cookies are
	// sent on encrypted connections only. Requests that change something are accepted from pages of
	// this origin and of the one that the request names as its host.
	URL string

	// Secure sends cookies on encrypted connections only, also without URL.
	Secure bool

	// Key signs what users start, so that workers can check it. Nil is a key in the database, which
	// the first process of the panel generates: see [GrantKey].
	Key *grant.Key

	// SignOn lets people log in who have an account elsewhere, besides those with a password. Nil is
	// none.
	SignOn SignOn

	// Proxies are the proxies in front of the panel. The address of a person is then the last one in
	// the header X-Forwarded-For that is not a proxy's.
	Proxies []netip.Prefix

	// Title is the name of the panel on its pages. "" is Control panel.
	Title string

	// Templates has templates in place of those of this package with the same name, as in
	// layout.html. Nil is none.
	Templates fs.FS

	// Idle is how long a session lasts after the latest request, and Lifetime after the login. 0 is
	// half an hour, and twelve hours.
	Idle, Lifetime time.Duration

	// Configuration is what the page about the configuration shows, with secrets masked, as a
	// [github.com/gomeko/gomeko/config.Config] does. Nil is none.
	Configuration fmt.Stringer

	// Logger is nil for [slog.Default].
	Logger *slog.Logger
}

// The defaults of Config.
const (
	defaultTitle    = "Control panel"
	defaultIdle     = 30 * time.Minute
	defaultLifetime = 12 * time.Hour
)

// A Panel is the handler of a control panel. Its paths begin at the root of the host.
type Panel struct {
	cfg       Config
	log       *slog.Logger
	sessions  *scs.SessionManager
	templates templates
	catalog   *catalog
	desks     *desks
	runs      *run.Runs
	seal      *seal
	pages     []page
	mux       mux.ServeMux
	handler   http.Handler

	streams streams
	ping    time.Duration // between two pings of a stream

	live  context.Context // of pages that show live progress
	drain func()          // ends live
	stop  func()          // ends what runs beside the requests
	done  chan struct{}
}

// New returns the panel of cfg. It reads the database; ctx limits only that. The error has all
// mistakes in cfg.
func New(ctx context.Context, cfg Config) (*Panel, error) {
	cfg.Title = cmp.Or(cfg.Title, defaultTitle)
	cfg.Idle, cfg.Lifetime = cmp.Or(cfg.Idle, defaultIdle), cmp.Or(cfg.Lifetime, defaultLifetime)
	p := &Panel{cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()), done: make(chan struct{}), ping: pingTime}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var err error
	if p.templates, err = parse(cfg.Templates); err != nil {
		return nil, err
	}
	if p.catalog, err = openCatalog(ctx, cfg.DB, cfg.Broker, p.log); err != nil {
		return nil, err
	}
	if err := p.openRuns(ctx); err != nil {
		return nil, err
	}
	p.sessions = p.newSessions()
	p.pages = p.allPages()
	for i := range p.pages {
		p.mux.Handle(p.pages[i].pattern, p.serve(&p.pages[i]))
	}
	p.mux.Handle("GET "+assetsPath, http.HandlerFunc(serveAsset))
	p.handler = p.guard(&p.mux)

	p.desks = newDesks(ctx)
	p.live, p.drain = context.WithCancel(context.WithoutCancel(ctx))
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go p.run(background)
	return p, nil
}

// openRuns opens what starts the runs of people and keeps them.
func (p *Panel) openRuns(ctx context.Context) (err error) {
	if p.cfg.Key == nil {
		if p.cfg.Key, err = GrantKey(ctx, p.cfg.Accounts); err != nil {
			return err
		}
	}
	if p.seal, err = newSeal(ctx, p.cfg.Accounts); err != nil {
		return err
	}
	p.runs, err = run.Open(ctx, run.Config{
		DB: p.cfg.DB, Dialect: p.cfg.Accounts.Dialect(), Accounts: p.cfg.Accounts,
		Conn: p.cfg.Broker, Jobs: p.cfg.Jobs, Key: p.cfg.Key, Find: p.catalog.service, Logger: p.log,
	})
	return err
}

// check returns all mistakes in the configuration.
func (c *Config) check() error {
	var mistakes []error
	if c.Accounts == nil {
		mistakes = append(mistakes, errors.New("panel.Config: Accounts: must be set: open them with account.Open"))
	}
	if c.DB == nil {
		mistakes = append(mistakes, errors.New("panel.Config: DB: must be set: the database of the accounts"))
	}
	if c.Broker == nil {
		mistakes = append(mistakes, errors.New("panel.Config: Broker: must be set: dial it with transport.Dial"))
	}
	if _, err := c.origin(); err != nil {
		mistakes = append(mistakes, err)
	}
	if c.Idle < 0 || c.Lifetime < 0 {
		mistakes = append(mistakes, errors.New("panel.Config: Idle and Lifetime: must not be negative"))
	}
	return errors.Join(mistakes...)
}

// origin returns the origin of the URL, nil if there is none.
func (c *Config) origin() (*url.URL, error) {
	if c.URL == "" {
		return nil, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("panel.Config: URL: must be the address of a host without a path, as in https://panel.example.org")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// secure reports whether people reach the panel by https.
func (c *Config) secure() bool {
	u, err := c.origin()
	return c.Secure || err == nil && u != nil && u.Scheme == "https"
}

// ServeHTTP answers a request.
func (p *Panel) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// GrantKey returns the key of a panel without [Config].Key: that in the database of the accounts.
// Workers need its public part.
func GrantKey(ctx context.Context, accounts *account.Accounts) (*grant.Key, error) {
	text, err := accounts.Secret(ctx, "grant_key", func() (string, error) {
		key, err := grant.NewKey()
		if err != nil {
			return "", err
		}
		return key.PEM(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("key of grants: %w", err)
	}
	return grant.ParseKey(text)
}

// Drain ends the pages that show live progress, so that a server can shut down. Browsers open them
// again.
func (p *Panel) Drain() { p.drain() }

// Close ends what the panel does beside its requests. It waits for calls that run, until ctx ends.
// The database and the connection stay open.
func (p *Panel) Close(ctx context.Context) error {
	p.Drain()
	p.stop()
	<-p.done
	return p.runs.Close(ctx)
}

// sweepTime is how often sessions are deleted that have expired.
const sweepTime = 10 * time.Minute

// run does what the panel does beside its requests, until ctx ends.
func (p *Panel) run(ctx context.Context) {
	defer close(p.done)
	sweep := time.NewTicker(sweepTime)
	defer sweep.Stop()
	look := time.NewTicker(lookTime)
	defer look.Stop()
	p.catalog.refresh(ctx)
	for {
		select {
		case <-ctx.Done():
			p.desks.close()
			return
		case <-sweep.C:
			if err := p.cfg.Accounts.SweepSessions(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("expired sessions of the panel could not be deleted", "err", err)
			}
		case <-look.C:
			p.catalog.tick(ctx)
		}
	}
}
