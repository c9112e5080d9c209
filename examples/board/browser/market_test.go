package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	database "github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// Market has rows of all kinds that the panel shows: a job that asks before it runs, calls, a
// consumer whose messages are parked, and a timer.
type Market struct {
	_ service.Name `service:"market" allow:"panel/market"`

	Entrypoints struct {
		Update jobs.Job           `jobs:"update(prices, test_only=False, send_email=False)" resource:"products" allow:"update" confirm:"true"`
		Report rpc.Method         `rpc:"report(month='2026-11', lines=3)" allow:"report"`
		Refund rpc.Method         `rpc:"refund(order_id, amount)" allow:"refund"`
		Bill   messaging.Consumer `messaging:"bills"`
		Clean  timer.Cron         `timer:"0 3 * * *" tz:"Europe/Madrid"`
	}

	begun  chan marketUpdate      // receives each update that begins
	steps  chan marketStep        // what it does next
	broken *atomic.Pointer[error] // why bills cannot be written
	billed chan int               // the orders of bills
}

type (
	// marketPrices says where an update finds the prices.
	marketPrices struct {
		Supplier string     `json:"supplier" enum:"Norte,Sur,Este" doc:"Whose list is read."`
		Factor   float64    `json:"factor" min:"0.5" max:"2" default:"1" doc:"By which each price is multiplied."`
		Since    *time.Time `json:"since" doc:"Only what has changed since then."`
		Shelves  []string   `json:"shelves" doc:"All of them if none is named."`
	}
	marketUpdate struct {
		prices              marketPrices
		testOnly, sendEmail bool
	}
	// A marketStep is the progress of an update, which ends at 1.
	marketStep struct {
		fraction float64
		text     string
	}
	marketLine struct {
		Product string  `json:"product"`
		Sold    int     `json:"sold"`
		Revenue float64 `json:"revenue"`
	}
	marketBill struct {
		Order int `json:"order"`
	}
)

func (m *Market) Update(ctx context.Context, prices marketPrices, testOnly, sendEmail bool) (map[string]any, error) {
	m.begun <- marketUpdate{prices, testOnly, sendEmail}
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case step := <-m.steps:
			if step.fraction == 1 {
				return map[string]any{"changed": 1204, "unchanged": 311, "test_only": testOnly}, nil
			}
			jobs.Progress(ctx, step.fraction, step.text)
		}
	}
}

func (*Market) Report(_ context.Context, month string, lines int) ([]marketLine, error) {
	if month == "2026-13" {
		return nil, errors.New("there is no month 2026-13")
	}
	products := []string{"Coffee, 1 kg", "Green tea", "Cocoa", "Honey"}
	var all []marketLine
	for i := range lines {
		all = append(all, marketLine{products[i%len(products)], 40 - 7*i, float64(40-7*i) * 12.5})
	}
	return all, nil
}

func (*Market) Refund(context.Context, int, float64) error { return nil }

func (m *Market) Bill(_ context.Context, bill marketBill) error {
	if fault := m.broken.Load(); fault != nil {
		return service.Park(fmt.Errorf("order %d: %w", bill.Order, *fault))
	}
	m.billed <- bill.Order
	return nil
}

func (*Market) Clean(context.Context) error { return nil }

// Docs returns the titles and texts that people read.
func (*Market) Docs() service.Docs {
	return service.Docs{Text: "Prices, orders and what was sold.", Rows: map[string]service.RowDocs{
		"Update": {Title: "Update the prices", Text: "Reads the list of a supplier, and changes the prices in the shop."},
		"Report": {Title: "What was sold", Text: "The products of a month, the best first."},
		"Refund": {Title: "Refund an order", Text: "Sends money back to whoever has paid."},
	}}
}

// A market is the service with its panel.
type market struct {
	*Market
	url      string
	accounts *account.Accounts
	broker   *transport.Conn
	close    func() // the database
}

const password = "correct horse battery"

// startMarket starts the service, and a panel with users: ann runs most and retries dead letters,
// bob is in a group but not in one above it, and root may do everything.
func startMarket(t *testing.T) *market {
	t.Helper()
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if _, _, err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	broker := transport.Config{URI: brokertest.Embedded(t)}
	m := &market{Market: &Market{begun: make(chan marketUpdate), steps: make(chan marketStep), billed: make(chan int), broken: new(atomic.Pointer[error])}}
	hosttest.Start(t, hosttest.Config{Broker: broker}, m.Market,
		service.Configure(fleet.Control(fleet.ControlConfig{})), service.Configure(fleet.Timers()), service.Configure(jobs.Config{Store: store}))

	db, _, err := database.Connect(t.Context(), filepath.Join(dir, "panel.db"))
	if err != nil {
		t.Fatal(err)
	}
	m.close = func() { db.Close() }
	t.Cleanup(m.close)
	if m.accounts, err = account.Open(t.Context(), db, account.SQLite); err != nil {
		t.Fatal(err)
	}
	m.users(t)
	m.broker = hosttest.Dial(t, broker)
	p, err := panel.New(t.Context(), panel.Config{
		Accounts: m.accounts, DB: db, Broker: m.broker, Jobs: store, Title: "Market", Configuration: configuration("gomeko.broker.uri: amqp://market:**@localhost"),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		p.Drain()
		server.Close()
		hosttest.Close(t, p.Close)
	})
	m.url = server.URL
	return m
}

type configuration string

func (c configuration) String() string { return string(c) }

// users adds the users.
func (m *market) users(t *testing.T) {
	t.Helper()
	admin := m.accounts.As(account.Actor{Name: "root"})
	err := admin.AddUser(t.Context(), account.NewUser{Name: "root", Password: password, Superuser: true})
	for name, groups := range map[string][]string{
		"ann": {"panel/market/update", "panel/market/report", panel.ChangeDead},
		"bob": {"panel/market/report"},
	} {
		err = errors.Join(err, admin.AddUser(t.Context(), account.NewUser{Name: name, Password: password}))
		for _, group := range groups {
			err = errors.Join(err, admin.AddGroup(t.Context(), group), admin.Join(t.Context(), name, group))
		}
	}
	if err := errors.Join(err, admin.Leave(t.Context(), "bob", "panel/market")); err != nil {
		t.Fatal(err)
	}
}

// bill sends orders to the consumer, which parks them if it is broken. It returns when the broker
// has them.
func (m *market) bill(t *testing.T, orders ...int) {
	t.Helper()
	for _, order := range orders {
		message := transport.Publishing{Key: "bills", Body: fmt.Appendf(nil, `{"order": %d}`, order)}
		message.ContentType, message.Persistent = "application/json", true
		if err := m.broker.Publish(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
}

// breakBills makes the consumer park the orders that it receives.
func (m *market) breakBills() {
	fault := errors.New("the printer has no paper")
	m.broken.Store(&fault)
}

// open opens a page of the panel.
func (m *market) open(t *testing.T, page context.Context, path string) {
	t.Helper()
	run(t, page, chromedp.Navigate(m.url+path))
}

// follow clicks on a link or a button that leads to another page, and waits for that page. If live
// progress replaces the element before the click, it clicks on the new one.
func follow(t *testing.T, page context.Context, selector string) {
	t.Helper()
	_, err := chromedp.RunResponse(page, chromedp.Click(css(selector)))
	var replaced *cdproto.Error
	for end := time.Now().Add(hosttest.Timeout / 4); errors.As(err, &replaced) && strings.Contains(replaced.Message, "node") && time.Now().Before(end); {
		_, err = chromedp.RunResponse(page, chromedp.Click(css(selector)))
	}
	if err != nil {
		t.Fatalf("%s: %v", selector, err)
	}
}

// logIn logs a user in, and shows the services.
func (m *market) logIn(t *testing.T, page context.Context, name string) {
	t.Helper()
	m.open(t, page, "/login")
	run(t, page, chromedp.SetValue(css("#name"), name), chromedp.SetValue(css("#password"), password))
	follow(t, page, ".login button")
	m.until(t, page, "/", "Prices, orders and what was sold.")
}

// until reloads a page until it contains a text, because answers of services may arrive late.
func (m *market) until(t *testing.T, page context.Context, path, want string) {
	t.Helper()
	hosttest.Eventually(t, path+" has "+want, func() bool {
		m.open(t, page, path)
		has, err := chromedp.Run(page, chromedp.Evaluate[bool](fmt.Sprintf("document.body.innerText.includes(%q)", want)))
		if err != nil {
			t.Fatal(err)
		}
		return has
	})
}

// shows waits until the text of an element contains a text.
func shows(t *testing.T, page context.Context, selector, want string) {
	t.Helper()
	is(t, page, text(selector), fmt.Sprintf(".includes(%q)", want))
}

// look sets the width of the screen, and light or dark mode.
func look(t *testing.T, page context.Context, width int64, scheme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
	height := int64(800)
	if width < 500 {
		height = 812
	}
	run(t, page, chromedp.EmulateViewport(width, height))
	is(t, page, fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches`, scheme), "")
}
