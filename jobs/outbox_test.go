package jobs_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A database is the database of an application, which contains the store.
type database struct {
	*sql.DB
	store *store.Store
}

// eachDatabase runs f with each broker and each database.
func eachDatabase(t *testing.T, f func(t *testing.T, uri string, db database)) {
	t.Helper()
	brokertest.Each(t, func(t *testing.T, uri string) {
		t.Run("sqlite", func(t *testing.T) { f(t, uri, sqliteDatabase(t)) })
		t.Run("postgres", func(t *testing.T) { f(t, uri, postgresDatabase(t)) })
	})
}

func sqliteDatabase(t testing.TB) database {
	driver, source, dialect := sqliteSource(t)
	return databaseOf(t, driver, source, dialect)
}

func postgresDatabase(t testing.TB) database {
	driver, source, dialect := postgresSource(t)
	return databaseOf(t, driver, source, dialect)
}

func sqliteSource(t testing.TB) (driver, source string, dialect store.Dialect) {
	file := filepath.Join(t.TempDir(), "app.db")
	return "sqlite", "file:" + file + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate", store.SQLite()
}

func postgresSource(t testing.TB) (driver, source string, dialect store.Dialect) {
	return "pgx", hosttest.Schema(t), store.PostgreSQL()
}

func databaseOf(t testing.TB, driver, source string, dialect store.Dialect) database {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	s := store.Open(db, dialect, driver+":app")
	migrate(t, s)
	execute(t, db, `CREATE TABLE sold (id integer)`)
	return database{db, s}
}

// A Till is a service whose calls each have a transaction.
type Till struct {
	_ service.Name `service:"till"`

	Entrypoints struct {
		Sell  rpc.Method `rpc:"sell(n, works=True)"`
		Later rpc.Method `rpc:"later"`
	}

	Sale   *sale `inject:""`
	Direct events.Dispatcher
	Events events.Dispatcher   `outbox:"database"`
	Bills  messaging.Publisher `queue:"bills" outbox:"database"`
	Sums   TillJobs

	late chan error
}

// TillJobs is a client of the jobs of sums.
type TillJobs struct {
	_ jobs.Client `jobs:"sums" outbox:"database"`

	Add func(ctx context.Context, n int, o ...jobs.Option) (jobs.Ref[int], error) `jobs:"add"`
}

// A sale is the transaction of a call.
type sale struct{ *sql.Tx }

// errChanged is the error of a call that is rolled back.
var errChanged = errors.New("the customer has changed his mind")

func (s *Till) Sell(ctx context.Context, n int, works bool) error {
	if _, err := s.Sale.ExecContext(ctx, fmt.Sprintf(`INSERT INTO sold VALUES (%d)`, n)); err != nil {
		return err
	}
	err := errors.Join(s.Events(ctx, "sold", n), s.Bills(ctx, n))
	if _, jobErr := s.Sums.Add(ctx, n); jobErr != nil {
		err = errors.Join(err, jobErr)
	}
	if err == nil && !works {
		err = errChanged
	}
	return err
}

// Later uses a field after the call has ended.
func (s *Till) Later(ctx context.Context) error {
	go func() {
		<-ctx.Done()
		s.late <- s.Events(context.WithoutCancel(ctx), "late", 1)
	}()
	return nil
}

// inSale begins a transaction for each call of the till.
func inSale(use bool) func(*sql.DB) di.Provider[*sale] {
	return func(db *sql.DB) di.Provider[*sale] {
		return func(ctx context.Context) (*sale, di.Done, error) {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return nil, nil, err
			}
			if use {
				jobs.UseTx(ctx, tx)
			}
			return &sale{tx}, func(err error) error {
				if err != nil {
					return errors.Join(err, tx.Rollback())
				}
				return tx.Commit()
			}, nil
		}
	}
}

// A Hearer records the messages that it receives.
type Hearer struct {
	_ service.Name `service:"sums"`

	Entrypoints struct {
		Add  jobs.Job           `jobs:"add(n)"`
		Sold events.Handler     `events:"till.sold"`
		Bill messaging.Consumer `messaging:"bills"`
	}

	heard chan string
}

func (s *Hearer) Add(_ context.Context, n int) error  { s.heard <- fmt.Sprint("job ", n); return nil }
func (s *Hearer) Sold(_ context.Context, n int) error { s.heard <- fmt.Sprint("event ", n); return nil }
func (s *Hearer) Bill(_ context.Context, n int) error {
	s.heard <- fmt.Sprint("message ", n)
	return nil
}

// startTill hosts the till, and returns a func that calls it.
func startTill(t *testing.T, uri string, db database, use bool, more ...any) (sell func(n int, works bool) error) {
	t.Helper()
	startOutbox(t, uri, db, append(more, fx.Module("till", service.Provide(&Till{late: make(chan error, 1)}), fx.Supply(db.DB), di.PerCall(inSale(use))))...)
	client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("till")
	return func(n int, works bool) error { return client.Call(t.Context(), "sell", nil, n, works) }
}

// startOutbox hosts services with the store of a database.
func startOutbox(t *testing.T, uri string, db database, services ...any) *hosttest.Host {
	t.Helper()
	return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, append(services, service.Configure(jobs.Hourly(jobs.Config{Store: db.store})))...)
}

// TestOutbox checks that events, messages and jobs are sent after the commit, and only then.
func TestOutbox(t *testing.T) {
	eachDatabase(t, func(t *testing.T, uri string, db database) {
		sums := &Hearer{heard: make(chan string, 10)}
		sell := startTill(t, uri, db, true, sums)
		if err := sell(1, false); !errors.Is(err, rpc.NewError("builtins.RuntimeError", "")) && !strings.Contains(err.Error(), errChanged.Error()) {
			t.Errorf("got %v", err)
		}
		if err := sell(2, true); err != nil {
			t.Fatal(err)
		}
		heard := map[string]bool{}
		for range 3 {
			heard[hosttest.Receive(t, "what was sent", sums.heard)] = true
		}
		if want := map[string]bool{"event 2": true, "message 2": true, "job 2": true}; !reflect.DeepEqual(heard, want) {
			t.Errorf("got %v, want %v", heard, want)
		}
		hosttest.Eventually(t, "the outbox is empty", func() bool { return count(t, db, "gomeko_outbox") == 0 })
		if n := count(t, db, "sold"); n != 1 {
			t.Errorf("sold %d", n)
		}
		if len(sums.heard) > 0 {
			t.Errorf("also heard: %s", <-sums.heard)
		}
	})
}

func count(t testing.TB, db database, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOutboxWithoutTransaction checks the error of a call without a transaction, or with one in
// another database.
func TestOutboxWithoutTransaction(t *testing.T) {
	uri := brokertest.Embedded(t)
	for name, tc := range map[string]struct {
		use   bool
		store *store.Store
		want  string
	}{
		"no UseTx":         {use: false, want: "write jobs.UseTx(ctx, tx) in the di.Provider that begins it"},
		"another database": {use: true, store: sqliteDatabase(t).store, want: "a store with another id there"},
	} {
		t.Run(name, func(t *testing.T) {
			db := sqliteDatabase(t)
			if tc.store != nil {
				db.store = tc.store
			}
			err := startTill(t, uri, db, tc.use)(1, true)
			for _, part := range []string{tc.want, "event sold of till: outbox", "message to /bills: outbox", "job sums.add: "} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q", err, part)
				}
			}
			if n := count(t, db, "sold"); n != 0 {
				t.Errorf("sold %d", n)
			}
		})
	}
}

// TestOutboxAfterCall checks the error of a goroutine that outlives its call.
func TestOutboxAfterCall(t *testing.T) {
	till, db := &Till{late: make(chan error, 1)}, sqliteDatabase(t)
	uri := brokertest.Embedded(t)
	startOutbox(t, uri, db, fx.Module("till", service.Provide(till), fx.Supply(db.DB), di.PerCall(inSale(true))))
	if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("till").Call(t.Context(), "later", nil); err != nil {
		t.Fatal(err)
	}
	if err := hosttest.Receive(t, "the error", till.late); err == nil || !strings.Contains(err.Error(), "used outside of a call, or after it") {
		t.Errorf("got %v", err)
	}
}

// TestTx enqueues jobs in transactions of a program. They begin soon after the commit, although no
// sweep is due for an hour, and not at all after a rollback.
func TestTx(t *testing.T) {
	eachDatabase(t, func(t *testing.T, uri string, db database) {
		hearer := &Hearer{heard: make(chan string, 10)}
		startOutbox(t, uri, db, hearer)
		e, err := jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: uri}), jobs.Config{Store: db.store})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(context.Background())
		enqueue := func(n int, commit bool) {
			t.Helper()
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = e.Client("sums").Enqueue(t.Context(), "add", n, jobs.Tx(tx)); err != nil {
				t.Fatal(err)
			}
			end := tx.Commit
			if !commit {
				end = tx.Rollback
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
		enqueue(1, false)
		enqueue(2, true)
		if got := hosttest.Receive(t, "the job", hearer.heard); got != "job 2" {
			t.Errorf("got %s, want job 2", got)
		}
	})
}

// TestTxMistakes checks the errors for transactions that cannot be used.
func TestTxMistakes(t *testing.T) {
	db, other, uri := sqliteDatabase(t), sqliteDatabase(t), brokertest.Embedded(t)
	for want, tc := range map[string]struct {
		cfg jobs.Config
		tx  store.Executor
	}{
		"jobs.Tx needs a store: set gomeko.jobs.store": {jobs.Config{}, db},
		"jobs.Tx(nil): pass the transaction":           {jobs.Config{Store: db.store}, nil},
		"it has a store with another id there":         {jobs.Config{Store: db.store}, other},
	} {
		e, err := jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: uri}), tc.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Client("sums").Enqueue(t.Context(), "add", 1, jobs.Tx(tc.tx)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		hosttest.Close(t, e.Close)
	}
}
