package run

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/migration"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// View is the group whose members may see the runs of other users.
const View = "view"

// Config configures [Open]: it says where runs are kept, and how they are sent. DB, Dialect,
// Accounts and Conn are required.
type Config struct {
	// DB is the database of the accounts, and Dialect its kind. The caller opens and closes it.
	DB      *sql.DB
	Dialect account.Dialect

	// Accounts writes the audit trail. It must be in DB.
	Accounts *account.Accounts

	// Conn is the connection to the broker, on which calls and jobs are sent.
	Conn *transport.Conn

	// RPC configures calls. The zero value works.
	RPC rpc.Config

	// Jobs is the store of the jobs. Without it, jobs are published to the broker, and only the
	// process that started a job learns its outcome: there is no progress, and when the panel is
	// restarted, the history loses track of its jobs. A panel follows only the jobs in its store.
	// Jobs in the store of another process on the same database are left to that process.
	Jobs *store.Store

	// Key signs the grants. Without it, no grants are sent, and workers with keys reject the runs.
	Key *grant.Key

	// Find returns what is known about a service. If nil, the fleet is asked, which takes up to a
	// second. The error wraps [ErrUnknownRow] if there is no such service.
	Find func(ctx context.Context, service string) (Service, error)

	// Timeout limits a call whose row has no timeout in its tag. 0 means a minute.
	Timeout time.Duration

	// Keep is how long a run is kept after its start, and Most how many runs of each user are kept.
	// 0 means 90 days and 100,000; a negative number means no limit. Runs that have not ended are
	// always kept.
	Keep time.Duration
	Most int

	// MaxOpen limits the runs of a user that have not ended. Further ones are refused. 0 means 100;
	// a negative number means no limit.
	MaxOpen int

	// MaxResult is the maximum size of a result that is kept, in bytes. 0 means 1 MiB.
	MaxResult int

	// Logger defaults to [slog.Default].
	Logger *slog.Logger

	times times
}

// The defaults of Config.
const (
	defaultTimeout   = time.Minute
	defaultKeep      = 90 * 24 * time.Hour
	defaultMost      = 100_000
	defaultMaxOpen   = 100
	defaultMaxResult = 1 << 20
)

// times are the intervals that tests change; 0 means the default.
type times struct {
	tick  time.Duration // between two looks at open runs
	poll  time.Duration // between two looks at watched runs
	lease time.Duration // how long a process holds a run without renewing its lease
	prune time.Duration
}

// Runs starts and keeps the runs of users. Several goroutines may use it, and several processes may
// use the same database.
type Runs struct {
	cfg      Config
	log      *slog.Logger
	owner    string // this process
	store    string // the id of the store of jobs; "" without one
	secret   []byte // the key of digests
	caller   *rpc.Caller
	enqueuer *jobs.Enqueuer
	step     func(name, id string) // a test ends the process here; may be nil

	life    context.Context // of the background work
	end     context.CancelFunc
	keeping sync.WaitGroup

	mu     sync.Mutex
	closed bool
	tasks  sync.WaitGroup // that wait for an end; added to with mu held, before closed
	own    map[string]context.CancelCauseFunc

	watch  watched
	cursor int64 // the last job that keep looked at
}

//go:embed migrations/*.sql
var files embed.FS

var tables = migration.Set{Name: "gomeko_panel_run_migration", Files: files}

// Open returns the runs in a database. It creates their table, or upgrades it to the version of
// this program, and opens a queue for replies on the broker. The error contains all mistakes in
// cfg.
func Open(ctx context.Context, cfg Config) (*Runs, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.Keep, cfg.Most, cfg.MaxResult = cmp.Or(cfg.Keep, defaultKeep), cmp.Or(cfg.Most, defaultMost), cmp.Or(cfg.MaxResult, defaultMaxResult)
	cfg.MaxOpen = cmp.Or(cfg.MaxOpen, defaultMaxOpen)
	t := &cfg.times
	t.tick, t.poll = cmp.Or(t.tick, 2*time.Second), cmp.Or(t.poll, 500*time.Millisecond)
	t.lease, t.prune = cmp.Or(t.lease, 30*time.Second), cmp.Or(t.prune, time.Minute)
	r := &Runs{cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()), owner: id.New(""), own: map[string]context.CancelCauseFunc{}}
	if cfg.Find == nil {
		r.cfg.Find = newSurvey(cfg.Conn).find
	}
	err := r.transact(ctx, func(tx *sql.Tx) error { return tables.Apply(ctx, tx, string(cfg.Dialect)) })
	if err != nil {
		return nil, fmt.Errorf("tables of runs: %w", err)
	}
	if err := r.identify(ctx); err != nil {
		return nil, err
	}
	if r.caller, err = rpc.NewCaller(ctx, cfg.Conn, cfg.RPC); err != nil {
		return nil, err
	}
	if r.enqueuer, err = jobs.NewEnqueuer(ctx, cfg.Conn, jobs.Config{Store: cfg.Jobs}); err != nil {
		return nil, errors.Join(err, r.caller.Close(context.WithoutCancel(ctx)))
	}
	r.life, r.end = context.WithCancel(context.WithoutCancel(ctx))
	r.watch.init()
	r.keeping.Go(r.keep)
	return r, nil
}

// identify reads the id of the store of jobs, and the key of digests.
func (r *Runs) identify(ctx context.Context) (err error) {
	if r.cfg.Jobs != nil {
		if r.store, err = r.cfg.Jobs.ID(ctx); err != nil {
			return ofStore(err)
		}
	}
	var others int
	if err := r.cfg.DB.QueryRowContext(ctx, `SELECT count(*) FROM gomeko_panel_run WHERE open = 1 AND store <> '' AND store <> $1`, r.store).Scan(&others); err != nil {
		return err
	}
	if others > 0 {
		r.log.Warn("panel: runs have their jobs in another store of jobs, and this process does not follow them: does gomeko.jobs.store have the right value?", "runs", others)
	}
	r.secret, err = digestKey(ctx, &r.cfg)
	return err
}

// elsewhere reports whether the job of a run is in a store that this process does not use.
func (r *Runs) elsewhere(x *Run) bool { return x.store != "" && x.store != r.store }

// check returns all mistakes in the configuration.
func (c *Config) check() error {
	var mistakes []error
	for _, x := range []struct {
		missing    bool
		name, what string
	}{
		{c.DB == nil, "DB", "the database of the accounts"},
		{c.Accounts == nil, "Accounts", "open them with account.Open"},
		{c.Conn == nil, "Conn", "dial it with transport.Dial"},
	} {
		if x.missing {
			mistakes = append(mistakes, fmt.Errorf("run.Config: %s: must be set: %s", x.name, x.what))
		}
	}
	if dialects[c.Dialect] == nil {
		mistakes = append(mistakes, fmt.Errorf("run.Config: Dialect %q: must be %s or %s", c.Dialect, account.SQLite, account.PostgreSQL))
	}
	if c.Timeout < 0 || c.MaxResult < 0 {
		mistakes = append(mistakes, errors.New("run.Config: Timeout and MaxResult: must not be negative"))
	}
	return errors.Join(mistakes...)
}

// Close waits for running calls, and for outcomes that only this process learns. If ctx ends first,
// they are recorded as lost. Close does not close the database, the store or the connection.
func (r *Runs) Close(ctx context.Context) error {
	r.mu.Lock()
	was := r.closed
	r.closed = true
	r.mu.Unlock()
	if was {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.tasks.Wait()
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		r.mu.Lock()
		for _, cancel := range r.own {
			cancel(ErrClosed)
		}
		r.mu.Unlock()
		<-ended
	}
	r.watch.close()
	r.end()
	r.keeping.Wait()
	r.watch.looks.Wait()
	ctx = context.WithoutCancel(ctx)
	return errors.Join(r.enqueuer.Close(ctx), r.caller.Close(ctx))
}

// An executor is a database or a transaction.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// dialects replace the parts of statements in which the databases differ: the time, and whether a
// column is among the results of a query. PostgreSQL is told to expect few rows in an array, so
// that it uses an index for each.
var dialects = map[account.Dialect]*strings.Replacer{
	account.SQLite:     strings.NewReplacer("{now}", `CAST(unixepoch('subsec') * 1000 AS integer) * 1000`, "{among}", `IN (SELECT * FROM`),
	account.PostgreSQL: strings.NewReplacer("{now}", `CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS bigint)`, "{among}", `= ANY (ARRAY`),
}

// text returns a statement in the dialect of the database.
func (r *Runs) text(statement string) string { return dialects[r.cfg.Dialect].Replace(statement) }

// exec runs a statement, and reports whether it has changed a row.
func (r *Runs) exec(ctx context.Context, in executor, statement string, args ...any) (bool, error) {
	result, err := in.ExecContext(ctx, r.text(statement), args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// transact runs f in a transaction.
func (r *Runs) transact(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := r.cfg.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if undone := tx.Rollback(); !errors.Is(undone, sql.ErrTxDone) {
			err = errors.Join(err, undone)
		}
		return err
	}
	return tx.Commit()
}
