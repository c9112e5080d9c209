package jobs_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// The steps at which the process of the stall is killed.
const (
	works         = "works"
	rollsBack     = "rolls back"
	beforeCommit  = "killed before the commit"
	afterCommit   = "killed after the commit"
	afterPublish  = "killed after publishing"
	afterConfirm  = "killed after the confirm"
	stallVariable = "GOMEKO_TEST_STALL" // the settings of the process
)

// A Stall is a service in a process that is killed.
type Stall struct {
	_ service.Name `service:"stall"`

	Entrypoints struct {
		Sell web.Route `web:"POST /sell"`
	}

	Deal   *deal             `inject:""`
	Events events.Dispatcher `outbox:"database"`
}

// A deal is the transaction of a call.
type deal struct {
	tx   *sql.Tx
	step string
}

// A Sold names what the stall sells, and is its event.
type Sold struct {
	N    int    `json:"n"`
	Step string `json:"step"`
}

func (s *Stall) Sell(ctx context.Context, sold Sold) error {
	s.Deal.step = sold.Step
	result, err := s.Deal.tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO sold (id) SELECT %d WHERE NOT EXISTS (SELECT 1 FROM sold WHERE id = %[1]d)`, sold.N))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	err = s.Events(ctx, "sold", sold)
	switch {
	case sold.Step == beforeCommit:
		killSelf()
	case sold.Step == rollsBack:
		return errChanged
	}
	return err
}

// inDeal begins the transaction of a call.
func inDeal(db *sql.DB) di.Provider[*deal] {
	return func(ctx context.Context) (*deal, di.Done, error) {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, nil, err
		}
		jobs.UseTx(ctx, tx)
		d := &deal{tx: tx}
		return d, func(err error) error {
			if err != nil {
				return errors.Join(err, tx.Rollback())
			}
			err = tx.Commit()
			if d.step == afterCommit {
				killSelf()
			}
			return err
		}, nil
	}
}

func killSelf() {
	p, _ := os.FindProcess(os.Getpid())
	_ = p.Kill()
	select {}
}

// runStall runs the process of the stall until it is killed.
func runStall(settings string) error {
	part := strings.Split(settings, "\n")
	driver, source, uri, address := part[0], part[1], part[2], part[3]
	db, err := sql.Open(driver, source)
	if err != nil {
		return err
	}
	dialect := store.SQLite()
	if driver == "pgx" {
		dialect = store.PostgreSQL()
	}
	c, err := service.New(service.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))},
		fx.Module("stall", service.Provide(new(Stall)), fx.Supply(db), di.PerCall(inDeal)), service.Configure(transport.Config{URI: uri}),
		service.Configure(web.Config{Address: address}), service.Configure(jobs.Config{Store: store.Open(db, dialect, driver)}))
	if err == nil {
		err = c.Start(context.Background())
	}
	if err != nil {
		return err
	}
	select {}
}

// TestOutboxKilled kills the process of a service at each step between the method and the end of a
// message, and disconnects the broker for a while. Each event of a committed transaction arrives,
// in order, and none of any other transaction. A kill duplicates only what the relay has in flight.
func TestOutboxKilled(t *testing.T) {
	rounds, away := 1, time.Second
	if os.Getenv("GOMEKO_SOAK") != "" {
		rounds, away = 25, time.Minute
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		for name, open := range map[string]func(testing.TB) (driver, source string, dialect store.Dialect){
			"sqlite": sqliteSource, "postgres": postgresSource,
		} {
			t.Run(name, func(t *testing.T) {
				driver, source, dialect := open(t)
				killStall(t, uri, driver, source, databaseOf(t, driver, source, dialect), rounds, away)
			})
		}
	})
}

func killStall(t *testing.T, uri, driver, source string, db database, rounds int, away time.Duration) {
	w := newWire(t, uri)
	s := &stallProcess{t: t, settings: []string{driver, source, w.uri, hosttest.FreeAddress(t)}, wire: w}
	s.start()
	heard := brokertest.Bind(t, brokertest.Channel(t, uri), "stall.events", "sold")
	for range rounds {
		for _, step := range []string{works, rollsBack, beforeCommit, works, afterCommit, works, afterPublish, works, afterConfirm, works} {
			s.sell(step)
		}
	}
	w.away(true)
	s.sell(works)
	s.sell(rollsBack)
	s.sell(works)
	timer := time.NewTimer(away)
	<-timer.C
	w.away(false)

	var want, got []int
	rows, err := db.QueryContext(t.Context(), `SELECT id FROM sold ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	doubles, last := 0, 0
	for len(got) < len(want) {
		d := hosttest.Receive(t, "an event of a committed transaction", heard)
		n, err := strconv.Atoi(strings.TrimPrefix(string(d.Body[:bytes.IndexByte(d.Body, ',')]), `{"n":`))
		if err != nil || d.MessageId == "" {
			t.Fatalf("got %s, %v", d.Body, err)
		}
		switch {
		case n > last:
			got, last = append(got, n), n
		case slices.Contains(got, n):
			doubles++
		default:
			t.Errorf("event %d comes after %d", n, last)
			got = append(got, n)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("heard of %v, committed %v", got, want)
	}
	hosttest.Eventually(t, "the outbox is empty", func() bool { return count(t, db, "gomeko_outbox") == 0 })
	t.Logf("%d transactions, %d committed, %d kills, lost 0, doubles %d", s.n, len(want), s.kills, doubles)
}

// A stallProcess is the process of the stall, which is restarted after it was killed.
type stallProcess struct {
	t        *testing.T
	settings []string
	wire     *wire
	process  *hosttest.Process
	n, kills int
}

func (s *stallProcess) start() {
	s.t.Helper()
	program, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), stallVariable+"="+strings.Join(s.settings, "\n"))
	s.process = hosttest.StartProcess(s.t, cmd)
	s.wire.program(s.process)
	hosttest.Eventually(s.t, "the stall is open", func() bool {
		conn, err := net.Dial("tcp", s.settings[3])
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// sell sells something. If the process is killed, sell restarts it and tries again.
func (s *stallProcess) sell(step string) {
	s.t.Helper()
	s.n++
	killed := strings.HasPrefix(step, "killed")
	s.wire.arm(killed)
	err := s.post(step)
	if failed := step == rollsBack || step == beforeCommit || step == afterCommit; failed != (err != nil) && !killed {
		s.t.Errorf("%d %s: got %v", s.n, step, err)
	}
	if !killed {
		return
	}
	select {
	case <-s.process.Ended():
	case <-time.After(hosttest.Timeout):
		s.t.Fatalf("%d: not %s", s.n, step)
	}
	s.kills++
	s.start()
	if err := s.post(works); err != nil {
		s.t.Errorf("%d again: %v", s.n, err)
	}
}

func (s *stallProcess) post(step string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post("http://"+s.settings[3]+"/sell", "application/json", strings.NewReader(fmt.Sprintf(`{"n":%d,"step":%q}`, s.n, step)))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return errors.New(response.Status)
	}
	return nil
}

// A wire forwards the connections of a process to the broker. It kills the process when the process
// has published, or the broker has confirmed, a message that asks for it.
type wire struct {
	uri    string
	broker string

	mu      sync.Mutex
	process *hosttest.Process
	isAway  bool
	armed   bool // the next message that asks for it kills the process
	conns   map[net.Conn]bool
}

func newWire(t *testing.T, uri string) *wire {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{broker: u.Host, conns: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	w.uri = u.String()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.carry(listener)
	}()
	t.Cleanup(func() {
		listener.Close()
		w.away(true)
		<-ended
	})
	return w
}

// arm sets whether the next message that asks for it kills the process.
func (w *wire) arm(armed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = armed
}

// program sets the process to kill.
func (w *wire) program(p *hosttest.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process = p
}

// away cuts all connections and refuses new ones, or accepts them again.
func (w *wire) away(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isAway = is
	for conn := range w.conns {
		if is {
			conn.Close()
		}
	}
}

// add registers connections. It returns false if the broker is away.
func (w *wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range conns {
		w.conns[conn] = true
	}
	return !w.isAway
}

func (w *wire) carry(listener net.Listener) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		program, err := listener.Accept()
		if err != nil {
			return
		}
		broker, err := net.Dial("tcp", w.broker)
		if err != nil || !w.add(program, broker) {
			program.Close()
			if err == nil {
				broker.Close()
			}
			continue
		}
		confirms := make(chan struct{}, 1) // holds a token if the next confirm kills
		all.Go(func() {
			defer broker.Close()
			w.copy(broker, program, func(data []byte) (kill bool) {
				if w.asks(data, afterConfirm) {
					confirms <- struct{}{}
				}
				return w.asks(data, afterPublish)
			})
		})
		all.Go(func() {
			defer program.Close()
			w.copy(program, broker, func([]byte) (kill bool) {
				select {
				case <-confirms:
					return true
				default:
					return false
				}
			})
		})
	}
}

// asks reports whether data asks for a kill at a step. It does so only once, because the message
// comes again.
func (w *wire) asks(data []byte, step string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	asks := w.armed && bytes.Contains(data, []byte(step))
	w.armed = w.armed && !asks
	return asks
}

// copy forwards data, and then kills the process if kills returns true.
func (w *wire) copy(to, from net.Conn, kills func(data []byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		kill := kills(buffer[:n])
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
		if kill {
			w.mu.Lock()
			p := w.process
			w.mu.Unlock()
			p.Kill()
			return
		}
	}
}
