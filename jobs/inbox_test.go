package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Ledger books each message that it receives, once.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Sold events.Handler     `events:"shop.sold" inbox:"true" retry:"10ms"`
		Bill messaging.Consumer `messaging:"bills" inbox:"true"`
	}

	Sale *sale `inject:""`

	heard chan int
}

func (l *Ledger) Sold(ctx context.Context, n int) error { return l.book(ctx, n) }
func (l *Ledger) Bill(ctx context.Context, n int) error { return l.book(ctx, n) }

func (l *Ledger) book(ctx context.Context, n int) error {
	if _, err := l.Sale.ExecContext(ctx, fmt.Sprintf(`INSERT INTO sold VALUES (%d)`, n)); err != nil {
		return err
	}
	if n < 0 && service.FromContext(ctx).Attempt == 1 {
		return errors.New("try again")
	}
	l.heard <- n
	return nil
}

// startLedger hosts the ledger.
func startLedger(t *testing.T, uri string, db database, use bool) (*Ledger, *hosttest.Log) {
	t.Helper()
	l, log := &Ledger{heard: make(chan int, 100)}, new(hosttest.Log)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}, Service: service.Config{Logger: log.Logger()}},
		fx.Module("ledger", service.Provide(l), fx.Supply(db.DB), di.PerCall(inSale(use))), service.Configure(jobs.Config{Store: db.store}))
	return l, log
}

// TestInbox delivers every message three times. Each is handled once, even if its first attempt
// fails. A message without an id is handled each time.
func TestInbox(t *testing.T) {
	eachDatabase(t, func(t *testing.T, uri string, db database) {
		l, log := startLedger(t, uri, db, true)
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		send := func(exchange, key, id string, n int) {
			t.Helper()
			m := transport.Publishing{Exchange: exchange, Key: key, Mandatory: true, Body: fmt.Append(nil, n)}
			m.ContentType, m.MessageID = "application/json", id
			if err := conn.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		const all = 10
		for n := range all {
			for range 3 {
				send("shop.events", "sold", fmt.Sprint("event ", n), n)
				send("", "bills", fmt.Sprint("message ", n), n)
			}
		}
		for range 3 {
			send("shop.events", "sold", "retried", -1)
			send("", "bills", "", 100)
		}
		heard := map[int]int{}
		for range 2*all + 1 + 3 {
			heard[hosttest.Receive(t, "a call", l.heard)]++
		}
		log.Wait(t, 2*2*all+2, "message acknowledged without a call: it was handled before")
		for n := range all {
			if heard[n] != 2 { // the event and the message
				t.Errorf("%d was handled %d times", n, heard[n])
			}
		}
		if heard[-1] != 1 || heard[100] != 3 || len(l.heard) > 0 {
			t.Errorf("got %v and %d more", heard, len(l.heard))
		}
		hosttest.Eventually(t, "all is booked", func() bool { return count(t, db, "sold") == 2*all+1+3 })
		if lines := log.Lines("a message has no message_id"); len(lines) != 1 {
			t.Errorf("got %q", lines)
		}
	})
}

// TestInboxWithoutTransaction checks the error of a row whose calls have no transaction.
func TestInboxWithoutTransaction(t *testing.T) {
	uri, db := brokertest.Embedded(t), sqliteDatabase(t)
	l, log := startLedger(t, uri, db, false)
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	m := transport.Publishing{Key: "bills", Mandatory: true, Body: []byte(`1`)}
	m.ContentType, m.MessageID = "application/json", "1"
	if err := conn.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	line := log.Next(t, "call failed")
	if !strings.Contains(line, "write jobs.UseTx(ctx, tx) in the di.Provider") || !strings.Contains(line, "must not be a di.Lazy") {
		t.Errorf("got %s, and %d calls", line, len(l.heard))
	}
}
