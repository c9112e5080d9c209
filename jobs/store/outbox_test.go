package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// inTx runs f in a transaction, which is committed if f returns nil.
func inTx(t *testing.T, s *store.Store, f func(tx store.Executor) error) error {
	tx, err := s.Pool().BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	if err := f(struct{ store.Executor }{tx}); err != nil { // the value has only the methods of the interface, like a wrapper of a user
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// everything relays all messages once.
func everything(t *testing.T, s *store.Store, r store.Relay, done bool) (all []store.Message) {
	t.Helper()
	r.Owner = "ann"
	d, err := s.Relay(t.Context(), r, func(_ context.Context, messages []store.Message) (seqs []int64) {
		all = messages
		for _, m := range messages {
			if done {
				seqs = append(seqs, m.Seq)
			}
		}
		return seqs
	})
	if err != nil || d.Taken != len(all) {
		t.Fatalf("got %+v, %v", d, err)
	}
	return all
}

// TestOutbox checks that a message is kept from the commit of its transaction until it has been
// published.
func TestOutbox(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		first := store.Message{Line: "a", Exchange: "x", Key: "k", Properties: `{"type":"t"}`, Body: []byte("\x00\xff")}
		second := store.Message{Line: "b", Key: "q"}
		refused := errors.New("refused")
		for _, want := range []error{refused, nil} {
			err := inTx(t, s, func(tx store.Executor) error {
				return errors.Join(s.AddMessage(t.Context(), tx, first), s.AddMessage(t.Context(), tx, second), want)
			})
			if !errors.Is(err, want) {
				t.Fatal(err)
			}
		}
		for range 2 { // what was not published is kept
			all := everything(t, s, store.Relay{}, false)
			if len(all) != 2 || all[0].Seq >= all[1].Seq || all[0].Created.IsZero() {
				t.Fatalf("got %+v", all)
			}
			all[0].Seq, all[0].Created = 0, time.Time{}
			if !reflect.DeepEqual(all[0], first) || all[1].Key != "q" || len(all[1].Body) != 0 {
				t.Fatalf("got %+v", all)
			}
		}
		if all := everything(t, s, store.Relay{Except: []string{"a"}}, true); len(all) != 1 || all[0].Line != "b" {
			t.Errorf("got %+v", all)
		}
		if all := everything(t, s, store.Relay{}, true); len(all) != 1 || all[0].Line != "a" {
			t.Errorf("got %+v", all)
		}
		if all := everything(t, s, store.Relay{}, true); len(all) != 0 {
			t.Errorf("got %+v", all)
		}
		err := inTx(t, s, func(tx store.Executor) error {
			return s.AddMessage(t.Context(), tx, store.Message{Line: "a", Key: "a\x00"})
		})
		if err == nil || !strings.Contains(err.Error(), `routing key "a\x00": must be a text in UTF-8`) {
			t.Errorf("got %v", err)
		}
	})
}

// TestTransactionElsewhere checks the error for a transaction in another database.
func TestTransactionElsewhere(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s, other, empty := migrated(t, open), migrated(t, open), open(t)
		for name, add := range map[string]func(tx store.Executor) error{
			"outbox": func(tx store.Executor) error {
				return s.AddMessage(t.Context(), tx, store.Message{Line: "a", Key: "k"})
			},
			"inbox": func(tx store.Executor) error {
				_, err := s.Handle(t.Context(), tx, "c", "1")
				return err
			},
			"check": func(tx store.Executor) error { return s.CheckTx(t.Context(), tx) },
		} {
			for want, in := range map[string]*store.Store{"a store with another id": other, "run gomeko jobs migrate": empty} {
				var wrong *store.ElsewhereError
				if err := inTx(t, in, add); !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) || wrong.Store != s.Name() {
					t.Errorf("%s: got %v, want %q", name, err, want)
				}
			}
			if err := inTx(t, s, add); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestRelaysKeepOrder publishes messages of transactions with relays in several processes. Some
// transactions are rolled back, some publishings fail, and some relays die before they delete what
// they have published. No message is lost, and none overtakes an earlier one of its line.
func TestRelaysKeepOrder(t *testing.T) {
	const lines, each, relays = 5, 60, 3
	eachDatabase(t, func(t *testing.T, open open) {
		first := migrated(t, open)
		stores := []*store.Store{first, again(t, first), again(t, first)}
		b := &lineBroker{last: map[string]int{}}
		ctx, written := context.WithCancel(t.Context())
		var writers, relaying sync.WaitGroup
		for l := range lines {
			writers.Go(func() { report(t, writeLine(t, stores[l%len(stores)], fmt.Sprint("line ", l), each)) })
		}
		for r := range relays {
			relaying.Go(func() { report(t, b.relay(ctx, stores[r], fmt.Sprint("relay ", r))) })
		}
		writers.Wait()
		written()
		relaying.Wait()
		for line, n := range b.last {
			if n != each {
				t.Errorf("%s: %d of %d messages", line, n, each)
			}
		}
		if len(b.last) != lines || len(b.wrong) > 0 {
			t.Errorf("%d lines, %v", len(b.last), b.wrong)
		}
		t.Logf("%d messages, %d of them doubles", b.sum, b.sum-lines*each)
	})
}

// writeLine writes the messages of a line, one or two in a transaction. Each transaction is rolled
// back once.
func writeLine(t *testing.T, s *store.Store, line string, n int) error {
	for i := 1; i <= n; {
		count := min(1+rand.N(2), n-i+1)
		for _, want := range []error{errors.New("no"), nil} {
			err := inTx(t, s, func(tx store.Executor) error {
				for k := range count {
					m := store.Message{Line: line, Key: line, Body: fmt.Append(nil, i+k)}
					if err := s.AddMessage(t.Context(), tx, m); err != nil {
						return err
					}
				}
				return want
			})
			if !errors.Is(err, want) {
				return err
			}
		}
		i += count
	}
	return nil
}

// A lineBroker receives the messages of lines.
type lineBroker struct {
	mu    sync.Mutex
	last  map[string]int // the number of the latest new message
	wrong []string
	sum   int
}

// relay relays messages until ctx has ended and none are left.
func (b *lineBroker) relay(ctx context.Context, s *store.Store, owner string) error {
	for {
		over := ctx.Err() != nil
		d, err := s.Relay(context.WithoutCancel(ctx), store.Relay{Owner: owner, Limit: 1 + rand.N(20)}, func(_ context.Context, messages []store.Message) []int64 {
			done := b.publish(messages)
			if rand.N(8) == 0 { // as if the process had died here
				done = nil
			}
			return done
		})
		switch {
		case err != nil:
			return err
		case over && d.Taken == 0 && !d.Busy:
			return nil
		}
	}
}

// publish accepts messages, in each line up to the first that fails.
func (b *lineBroker) publish(messages []store.Message) (done []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var failed []string
	for _, m := range messages {
		var n int
		if _, err := fmt.Sscan(string(m.Body), &n); err != nil || slices.Contains(failed, m.Line) || rand.N(20) == 0 {
			failed = append(failed, m.Line)
			continue
		}
		b.sum++
		if n > b.last[m.Line]+1 {
			b.wrong = append(b.wrong, fmt.Sprintf("%s: %d after %d", m.Line, n, b.last[m.Line]))
		}
		b.last[m.Line] = max(n, b.last[m.Line])
		done = append(done, m.Seq)
	}
	return done
}

// TestInbox checks that a message is handled once, with the transaction of its work.
func TestInbox(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		handle := func(want bool, consumer, id string, fail error) {
			t.Helper()
			err := inTx(t, s, func(tx store.Executor) error {
				if first, err := s.Handle(t.Context(), tx, consumer, id); err != nil || first != want {
					return fmt.Errorf("%s %s: got %t, want %t, %w", consumer, id, first, want, err)
				}
				return fail
			})
			if !errors.Is(err, fail) {
				t.Error(err)
			}
		}
		handle(true, "c", "1", sql.ErrTxDone) // rolled back
		handle(true, "c", "1", nil)
		handle(false, "c", "1", nil)
		handle(true, "d", "1", nil)
		var firsts, wait = make(chan bool, 8), sync.WaitGroup{}
		for range cap(firsts) { // concurrently
			wait.Go(func() {
				report(t, inTx(t, s, func(tx store.Executor) error {
					first, err := s.Handle(t.Context(), tx, "c", "2")
					firsts <- first
					return err
				}))
			})
		}
		wait.Wait()
		close(firsts)
		sum := 0
		for first := range firsts {
			if first {
				sum++
			}
		}
		if sum != 1 {
			t.Errorf("the message was handled %d times", sum)
		}
		for _, step := range []struct {
			keep time.Duration
			want int
		}{{time.Hour, 0}, {-time.Second, 2}, {-time.Second, 1}, {-time.Second, 0}} {
			if n, err := s.PruneInbox(t.Context(), step.keep, 2); err != nil || n != step.want {
				t.Errorf("forgot %d, %v, want %d", n, err, step.want)
			}
		}
	})
}
