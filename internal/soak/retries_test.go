package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Debtor fails as often as its messages say.
type Debtor struct {
	_ service.Name `service:"debtor"`

	Entrypoints struct {
		Pay messaging.Consumer `messaging:"debts" retry:"20ms*2 100ms"`
	}
}

// newDebtor returns a module with a Debtor that does not pause, because most of its calls fail.
func newDebtor() any {
	return fx.Options(service.Provide(new(Debtor)), service.Configure(messaging.Config{PauseAfter: -1}))
}

// A debt is paid at attempt number Failures+1. If it fails as often as the row has attempts, it is
// parked.
type debt struct {
	ID       int `json:"id"`
	Failures int `json:"failures"`
}

// failuresOf returns how often a debt fails.
func failuresOf(id int) int { return id % 5 }

const debtAttempts = 4

// lateRetry is how late a message may arrive that was waiting while the broker restarted. RabbitMQ
// dead-letters a message without a confirm again after
// dead_letter_worker_publisher_confirm_timeout, which is 3 minutes by default.
const lateRetry = 2 * time.Second

// stallLimit limits the time without a settled message after all have been sent. The total time is
// not limited: after the broker was killed, most messages are handled one at a time, as suspects.
const stallLimit = 3 * time.Minute

// Pay reports the debt when it is paid.
func (d *Debtor) Pay(ctx context.Context, m debt) error {
	if service.FromContext(ctx).Attempt <= m.Failures {
		return errors.New("not yet")
	}
	_, err := fmt.Println(m.ID)
	return err
}

// Two processes handle messages that fail up to four times. One of them is repeatedly ended with
// SIGKILL: when it has written a publishing, read a confirm, or written an acknowledgement. The
// broker is stopped and killed. Every message must be paid at least once, or be parked.
func TestSoakRetries(t *testing.T) {
	many, rounds, stops := 600, 1, []string{stopBroker}
	if whole() {
		many, rounds, stops = 100_000, 7, []string{stopBroker, killBroker, killBroker}
	}
	chance := chance(t)
	t.Setenv("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", fmt.Sprintf("-rabbit dead_letter_worker_publisher_confirm_timeout %d", lateRetry.Milliseconds()))
	node := brokertest.StartNode(t)
	ledger := newLedger(many)
	begin := time.Now()
	steady := start(t, "debtor", node.URI(), ledger.tell)
	steady.wait() // until its queues exist
	var sending sync.WaitGroup
	sending.Go(func() { ledger.send(t, node.URI()) })

	victim := &process{t: t, role: "debtor", uri: node.URI(), tell: ledger.tell}
	perProcess := many / (2 * rounds * len(steps)) // messages that it settles before it ends
	plan := schedule(chance, rounds*len(steps), stops...)
	for i, step := range slices.Repeat([]string{published, confirmed, acknowledged}, rounds) {
		for len(plan) > 0 && plan[0].at <= i {
			t.Logf("%s: %s", plan[0].what, ledger)
			happen(node, nil, chance, plan[0].what)
			plan = plan[1:]
		}
		victim.fuse = fmt.Sprint(step, " ", 1+chance.IntN(perProcess/4))
		victim.start()
		select {
		case <-victim.Ended():
			t.Logf("a process ended when it had %s: %s", step, ledger)
		case <-ledger.done: // all messages were handled without it
			victim.kill()
		case <-time.After(hosttest.Timeout):
			t.Fatalf("a process was not ended when it had %s", step)
		}
		victim.Process = nil
	}
	for _, h := range plan {
		happen(node, nil, chance, h.what)
	}
	sending.Wait()
	t.Logf("all sent: %s", ledger)
	stalled, parking := make(chan struct{}), make(chan struct{})
	go func() { // while messages are paid
		defer close(parking)
		ledger.collect(t, node.URI(), stalled)
	}()
	ledger.wait()
	close(stalled)
	<-parking
	steady.stop()
	t.Logf("%d messages, processes ended: %d, broker taken away: %d, %.1f s: %s", many, rounds*len(steps), len(stops), time.Since(begin).Seconds(), ledger)
	if lost := ledger.lost(); len(lost) > 0 {
		t.Errorf("lost %d messages: %d…; queues:\n%s", len(lost), lost[:min(len(lost), 20)], queues(node))
	}
}

// A ledger counts the outcomes of debts.
type ledger struct {
	many int
	done chan struct{} // closed when all debts are paid or parked

	again atomic.Int64 // number of repeated publishings

	mu     sync.Mutex
	paid   map[int]int // how often each was paid
	parked map[int]int
	killed int // number of parked ones that were suspected
	open   int
}

func newLedger(many int) *ledger {
	return &ledger{many: many, done: make(chan struct{}), paid: map[int]int{}, parked: map[int]int{}, open: many}
}

// tell handles a line from a process.
func (l *ledger) tell(line string) {
	var id int
	if _, err := fmt.Sscan(line, &id); err == nil {
		l.settle(l.paid, id)
	}
}

func (l *ledger) settle(where map[int]int, id int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.paid[id]+l.parked[id] == 0
	where[id]++
	if first {
		if l.open--; l.open == 0 {
			close(l.done)
		}
	}
}

// wait returns when all debts are settled, or when none was settled for stallLimit.
func (l *ledger) wait() {
	last, since := 0, time.Now()
	for tick := time.Tick(time.Second); time.Since(since) < stallLimit; {
		select {
		case <-l.done:
			return
		case <-tick:
		}
		l.mu.Lock()
		if l.open != last {
			last, since = l.open, time.Now()
		}
		l.mu.Unlock()
	}
}

// lost returns the debts that are neither paid nor parked.
func (l *ledger) lost() (ids []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.many {
		if l.paid[id]+l.parked[id] == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	doubles := 0
	for id := range l.many {
		doubles += max(0, l.paid[id]+l.parked[id]-1)
	}
	return fmt.Sprintf("open %d, paid %d, parked %d (suspects %d), doubles %d, published again %d", l.open, len(l.paid), len(l.parked), l.killed, doubles, l.again.Load())
}

// send publishes the debts. It repeats those that the broker has not confirmed.
func (l *ledger) send(t *testing.T, uri string) {
	conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
	if err != nil {
		t.Error(err)
		return
	}
	defer hosttest.Close(t, conn.Close)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for id := int(next.Add(1)) - 1; id < l.many; id = int(next.Add(1)) - 1 {
				body, _ := json.Marshal(debt{id, failuresOf(id)})
				p := transport.Publishing{Key: "debts", Mandatory: true, Body: body, Properties: transport.Properties{ContentType: "application/json", Persistent: true}}
				for conn.Publish(t.Context(), p) != nil && t.Context().Err() == nil {
					l.again.Add(1)
				}
			}
		})
	}
	wg.Wait()
}

// collect takes parked messages from the dead queue until all debts are settled or stalled is
// closed.
func (l *ledger) collect(t *testing.T, uri string, stalled <-chan struct{}) {
	conn, err := amqp.Dial(uri)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	var deliveries <-chan amqp.Delivery
	for deliveries == nil {
		ch, err := conn.Channel()
		if err != nil {
			t.Error(err)
			return
		}
		if deliveries, err = ch.Consume("gomeko.dead.debts", "", true, false, false, false, nil); err == nil {
			break
		}
		select { // the queue is declared when the first message is parked
		case <-time.After(50 * time.Millisecond):
		case <-stalled:
			t.Error(err)
			return
		}
	}
	for {
		select {
		case d := <-deliveries:
			var m debt
			original, _ := d.Headers["gomeko.original"].(amqp.Table)
			if err := json.Unmarshal(d.Body, &m); err != nil {
				t.Errorf("got %q parked: %v", d.Body, err)
			}
			reason, _ := original["reason"].(string)
			if reason == "killed" {
				l.mu.Lock()
				l.killed++
				l.mu.Unlock()
			} else if m.Failures != debtAttempts || !strings.HasPrefix(reason, "exhausted") {
				t.Errorf("got debt %d parked, %s, though it is paid after %d failures", m.ID, reason, m.Failures)
			}
			l.settle(l.parked, m.ID)
		case <-l.done:
			return
		case <-stalled:
			return
		}
	}
}
