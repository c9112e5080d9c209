package run_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/jobs"
	jobspostgres "github.com/gomeko/gomeko/jobs/postgres"
	jobssqlite "github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(processVariable); settings != "" {
		fmt.Fprintln(os.Stderr, panelProcess(settings))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// A Shop is a service that users run.
type Shop struct {
	_ service.Name `service:"shop" allow:"control_panel/shop"`

	Entrypoints struct {
		Report rpc.Method `rpc:"report(month, *lines, format='text', **more)" allow:"reports"`
		Login  rpc.Method `rpc:"login(name, password)" allow:"reports" sensitive:"password"`
		Hidden rpc.Method `rpc:"hidden"`
		Update jobs.Job   `jobs:"update(test_only=False)" allow:"update" resource:"products"`
		Prices jobs.Job   `jobs:"prices(factor)" allow:"update" resource:"products" queue:"prices"`
		Once   jobs.Job   `jobs:"once(name)" allow:"update" unique:"name"`
		Charge jobs.Job   `jobs:"charge(card)" allow:"update" sensitive:"card"`
	}

	*work
}

// work is the behaviour of a Shop's methods.
type work struct {
	do func(ctx context.Context, what string) (any, error)

	mu     sync.Mutex
	done   []string
	grants []*grant.Grant
	stacks [][]string
}

func (w *work) run(ctx context.Context, what string) (any, error) {
	w.mu.Lock()
	w.done, w.grants = append(w.done, what), append(w.grants, grant.From(ctx))
	w.stacks = append(w.stacks, service.FromContext(ctx).Stack())
	w.mu.Unlock()
	if w.do == nil {
		return what, nil
	}
	return w.do(ctx, what)
}

func (w *work) all() []string { w.mu.Lock(); defer w.mu.Unlock(); return slices.Clone(w.done) }

func (s *Shop) Report(ctx context.Context, month int, lines []string, format string, more map[string]any) (any, error) {
	return s.run(ctx, fmt.Sprintf("report %d %v %s %v", month, lines, format, more))
}

func (s *Shop) Login(ctx context.Context, name, _ string) (any, error) {
	return s.run(ctx, "login "+name)
}
func (s *Shop) Hidden(ctx context.Context) (any, error) { return s.run(ctx, "hidden") }

func (s *Shop) Update(ctx context.Context, testOnly bool) (any, error) {
	return s.run(ctx, fmt.Sprint("update ", testOnly))
}

func (s *Shop) Prices(ctx context.Context, factor float64) (any, error) {
	return s.run(ctx, fmt.Sprint("prices ", factor))
}

func (s *Shop) Once(ctx context.Context, name string) (any, error) { return s.run(ctx, "once "+name) }
func (s *Shop) Charge(ctx context.Context, _ string) (any, error)  { return s.run(ctx, "charge") }

// A site is a broker, the databases, and the key of a panel.
type site struct {
	t        testing.TB
	broker   string
	kind     account.Dialect
	database string // a file or a URL
	jobs     *store.Store
	key      *grant.Key
	accounts *account.Accounts
}

// onEach runs a test on both brokers and both databases.
func onEach(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	brokertest.Each(t, func(t *testing.T, uri string) {
		t.Run("sqlite", func(t *testing.T) { test(t, newSite(t, uri, account.SQLite)) })
		t.Run("postgres", func(t *testing.T) { test(t, newSite(t, uri, account.PostgreSQL)) })
	})
}

// onPairs runs a test on each broker and on each database, for one that takes long.
func onPairs(t *testing.T, test func(t *testing.T, s *site)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, newSite(t, brokertest.Embedded(t), account.SQLite)) })
	t.Run("postgres", func(t *testing.T) { test(t, newSite(t, brokertest.RabbitMQ(t), account.PostgreSQL)) })
}

func newSite(t testing.TB, uri string, kind account.Dialect) *site {
	t.Helper()
	s := &site{t: t, broker: uri, kind: kind}
	var err error
	if kind == account.SQLite {
		s.database = filepath.Join(t.TempDir(), "panel.db")
		s.jobs, err = jobssqlite.Open(t.Context(), s.jobsURI())
	} else {
		s.database = hosttest.Schema(t)
		s.jobs, err = jobspostgres.Open(t.Context(), s.jobsURI())
	}
	if err == nil {
		t.Cleanup(func() { s.jobs.Close() })
		_, _, err = s.jobs.Migrate(t.Context())
	}
	if err == nil {
		s.key, err = grant.NewKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.accounts, err = account.Open(t.Context(), s.connect(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jobsURI returns the address of the store of the jobs.
func (s *site) jobsURI() string {
	if s.kind == account.SQLite {
		return filepath.Join(filepath.Dir(s.database), "jobs.db")
	}
	return s.database
}

// connect opens the database of the panel, like a process.
func (s *site) connect() *sql.DB {
	s.t.Helper()
	open := sqlite.Connect
	if s.kind == account.PostgreSQL {
		open = postgres.Connect
	}
	db, _, err := open(s.t.Context(), s.database)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close() })
	return db
}

// config returns the configuration of a panel with short times.
func (s *site) config() run.Config {
	db := s.connect()
	accounts, err := account.Open(s.t.Context(), db, s.kind)
	if err != nil {
		s.t.Fatal(err)
	}
	cfg := run.Config{
		DB: db, Dialect: s.kind, Accounts: accounts, Jobs: s.jobs, Key: s.key,
		Conn: hosttest.Dial(s.t, transport.Config{URI: s.broker}),
	}
	cfg.SetTimes(20*time.Millisecond, 20*time.Millisecond, 0)
	return cfg
}

// panel opens the runs of a process of a panel.
func (s *site) panel(change ...func(*run.Config)) *run.Runs {
	s.t.Helper()
	cfg := s.config()
	for _, f := range change {
		f(&cfg)
	}
	r, err := run.Open(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { hosttest.Close(s.t, r.Close) })
	return r
}

// host starts a worker that runs only what the panel has signed.
func (s *site) host(w *work) *hosttest.Host {
	s.t.Helper()
	keys, err := grant.ParseKeys(s.key.PublicPEM())
	if err != nil {
		s.t.Fatal(err)
	}
	return hosttest.Start(s.t, hosttest.Config{Broker: transport.Config{URI: s.broker}}, &Shop{work: w}, grant.Enforce(keys),
		service.Configure(jobs.Config{Store: s.jobs}), service.Configure(fleet.Control(fleet.ControlConfig{})))
}

// who returns a user in groups.
func who(name string, groups ...string) run.Who {
	return run.Who{User: &account.User{Name: name, Groups: groups}, Address: "203.0.113.7"}
}

// The groups of the shop.
var (
	update = []string{"control_panel", "control_panel/shop", "control_panel/shop/update"}
	report = []string{"control_panel", "control_panel/shop", "control_panel/shop/reports"}
)

// start starts a run.
func start(t testing.TB, r *run.Runs, w run.Who, row, arguments string) *run.Run {
	t.Helper()
	x, err := r.Start(t.Context(), w, run.Request{Service: "shop", Row: row, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// end waits for the end of a run.
func end(t testing.TB, r *run.Runs, w run.Who, id string) *run.Run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
	defer cancel()
	x, err := r.Wait(ctx, w, id)
	if err != nil {
		t.Fatal(err)
	}
	if !x.State.Final() {
		t.Fatalf("run %s is still %s", id, x.State)
	}
	return x
}

// audit returns the audit trail, the first entry first.
func (s *site) audit() (lines []string) {
	s.t.Helper()
	entries, err := s.accounts.Entries(s.t.Context(), account.Filter{})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.Reverse(entries)
	for _, e := range entries {
		line := fmt.Sprint(e.Actor.Name, " ", e.Actor.Address, " ", e.Action, " ", e.Object)
		if e.Failed != "" {
			line += " " + e.Failed
		}
		lines = append(lines, line)
	}
	return lines
}

// TestStart starts a call and jobs, and reads the history and the audit trail.
func TestStart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w := new(work)
		s.host(w)
		r, ann := s.panel(), who("ann", append(update, report...)...)
		for _, test := range []struct {
			row, arguments, did, result, shown string
		}{
			{"Report", `{"month": 7}`, "report 7 [] text map[]", `"report 7 [] text map[]"`, `{"month":7}`},
			{"Report", `{"month": 7, "lines": ["a", "b"], "more": {"z": 1, "y": "2"}}`, "report 7 [a b] text map[y:2 z:1]", "", `{"lines":["a","b"],"month":7,"more":{"y":"2","z":1}}`},
			{"Login", `{"name": "bob", "password": "hunter2"}`, "login bob", "", `{"name":"bob","password":"********"}`},
			{"Update", `{"test_only": true}`, "update true", "", `{"test_only":true}`},
			{"prices", `{"factor": 1.50}`, "prices 1.5", "", `{"factor":1.50}`},
		} {
			x := start(t, r, ann, test.row, test.arguments)
			x = end(t, r, ann, x.ID)
			if done := w.all(); x.State != run.Succeeded || done[len(done)-1] != test.did || string(x.Arguments) != test.shown {
				t.Errorf("%s %s: got %s %s, %s, the method has got %s", test.row, test.arguments, x.State, x.Error, x.Arguments, done[len(done)-1])
			}
			if test.result != "" && string(x.Result) != test.result {
				t.Errorf("%s: got the result %s", test.row, x.Result)
			}
			if x.User != "ann" || x.Address != "203.0.113.7" || x.Ended.Before(x.Started) || x.Started.IsZero() {
				t.Errorf("%s: got %+v", test.row, x)
			}
			w.mu.Lock()
			g, stack := w.grants[len(w.grants)-1], w.stacks[len(w.stacks)-1]
			w.mu.Unlock()
			s.verify(g, x)
			if !slices.Contains(stack, x.CallID) {
				t.Errorf("%s: the call has the stack %v, without %s", test.row, stack, x.CallID)
			}
		}
		all, err := r.List(t.Context(), ann, run.Filter{})
		if err != nil || len(all) != 5 || all[0].Row != "Prices" || all[4].Row != "Report" || all[0].Result != nil {
			t.Errorf("got %d runs, %v", len(all), err)
		}
		lines := s.audit()
		if len(lines) != 10 || lines[0] != "ann 203.0.113.7 run shop.Report" || lines[1] != "ann 203.0.113.7 run.end shop.Report" {
			t.Errorf("got the audit trail %s", strings.Join(lines, "\n"))
		}
	})
}

// verify checks the grant that the worker has verified.
func (s *site) verify(g *grant.Grant, x *run.Run) {
	s.t.Helper()
	if g == nil || g.User != "ann" || g.Row != x.Row || g.Missing(x.Allow) != "" || x.Kind == run.Job && g.Job != x.ID {
		s.t.Errorf("%s: got the grant %+v", x.Row, g)
	}
}

// TestRefused requests runs that nobody may start, or not in this way.
func TestRefused(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *site) {
		w := new(work)
		s.host(w)
		r := s.panel()
		ann, bob := who("ann", append(update, report...)...), who("bob", "control_panel", "control_panel/shop/update")
		for _, test := range []struct {
			who          run.Who
			service, row string
			arguments    string
			is           error
			text         string
		}{
			{bob, "shop", "Update", `{}`, nil, "user bob is not in the group control_panel/shop, which shop.Update needs"},
			{ann, "shop", "Hidden", `{}`, run.ErrUnknownRow, `its tag has no allow:"GROUP"`},
			{ann, "shop", "Nothing", `{}`, run.ErrUnknownRow, "the service has no such row"},
			{ann, "nowhere", "Update", `{}`, run.ErrUnknownRow, "service nowhere"},
			{ann, "shop", "Update", `[1]`, run.ErrArguments, "must be a JSON object"},
			{ann, "shop", "Update", `{"a": 1}`, run.ErrArguments, `there is no parameter "a"`},
			{ann, "shop", "Report", `{}`, run.ErrArguments, "month is missing"},
			{ann, "shop", "Report", `{"month": 1, "lines": 3}`, run.ErrArguments, "lines: must be a list"},
			{ann, "shop", "Report", `{"lines": [3]}`, run.ErrArguments, "month is missing, and there are further arguments after it"},
			{ann, "shop", "Update", `{`, run.ErrArguments, "must be JSON"},
			{ann, "shop", "Update", `{} {}`, run.ErrArguments, "must be one JSON value"},
		} {
			_, err := r.Start(t.Context(), test.who, run.Request{Service: test.service, Row: test.row, Arguments: json.RawMessage(test.arguments)})
			if err == nil || !strings.Contains(err.Error(), test.text) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%s %s: got %v, want %s", test.row, test.arguments, err, test.text)
			}
			if denied := (*run.DeniedError)(nil); test.is == nil && (!errors.As(err, &denied) || denied.Group != "control_panel/shop") {
				t.Errorf("got %v, want a DeniedError", err)
			}
		}
		if lines := s.audit(); len(lines) != 11 || !strings.HasPrefix(lines[0], "bob 203.0.113.7 run shop.Update user bob is not in the group") {
			t.Errorf("got the audit trail %s", strings.Join(lines, "\n"))
		}
		if all, err := r.List(t.Context(), ann, run.Filter{}); len(all) > 0 || err != nil || len(w.all()) > 0 {
			t.Errorf("got %d runs, %v, and %v has run", len(all), err, w.all())
		}
	})
}
