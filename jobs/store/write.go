package store

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// tries is how often a transaction is attempted that the database aborts because of concurrent
// ones.
const tries = 5

// write runs f, which executes one statement.
func (s *Store) write(ctx context.Context, f func(conn) error) error {
	return s.commit(&change{ctx: ctx, run: f})
}

// exec executes one statement and returns the number of changed rows.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (n int, err error) {
	err = s.write(ctx, func(c conn) error {
		result, err := c.ExecContext(ctx, s.text(statement), args...)
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		n = int(changed)
		return err
	})
	return n, err
}

// transact runs f in a transaction.
func (s *Store) transact(ctx context.Context, f func(conn) error) error {
	return s.commit(&change{ctx: ctx, run: f, several: true})
}

// A change is one caller's write.
type change struct {
	ctx     context.Context
	run     func(conn) error // may be repeated after an error
	several bool             // run executes several statements
	err     error            // the outcome; errBroken until the change is made
	done    chan error
}

// commit makes a change. If the database allows one writer at a time, the writers of this process
// take turns, which is fairer and faster than polling for the database's lock.
func (s *Store) commit(x *change) error {
	if s.writers.turn == nil {
		return s.wrap(s.alone(x))
	}
	return s.wrap(s.inTurn(x))
}

// alone makes a change by itself. It retries after a deadlock, and after losing a race for a unique
// key or a resource.
func (s *Store) alone(x *change) error {
	for attempt := 1; ; attempt++ {
		err := s.once(x)
		if err == nil || attempt == tries || !deadlock(err) {
			return err
		}
	}
}

// once makes a change without retrying.
func (s *Store) once(x *change) error {
	if x.several {
		return s.transaction(x.ctx, x.run)
	}
	return x.run(s.conn(nil))
}

// transaction runs f in a transaction, without retrying.
func (s *Store) transaction(ctx context.Context, f func(conn) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// The error does not matter: Rollback fails after a commit, and after SQLite has rolled back the
	// whole transaction because the ctx of a statement has ended.
	defer func() { _ = tx.Rollback() }()
	if err := f(s.conn(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

// writers batches the changes to a database that allows one writer at a time. While one caller
// writes, or waits because another process does, the changes of the others gather; they are then
// made in one transaction, because a synced commit costs as much for one change as for several.
type writers struct {
	turn    chan struct{} // holds a token while a caller writes; nil if the database allows several writers
	mu      sync.Mutex
	waiting []*change
}

// errBroken is returned to callers whose change was not made because another one panicked.
var errBroken = errors.New("a change that was made together with this one has panicked")

// inTurn makes a change together with those that wait, or waits until another goroutine has made
// it.
func (s *Store) inTurn(x *change) error {
	w := &s.writers
	x.done = make(chan error, 1)
	w.mu.Lock()
	w.waiting = append(w.waiting, x)
	w.mu.Unlock()
	select {
	case w.turn <- struct{}{}:
		s.takeTurn(x)
	case err := <-x.done:
		return err
	case <-x.ctx.Done():
		if w.leave(x) {
			return context.Cause(x.ctx)
		}
	}
	return <-x.done
}

// takeTurn makes a change in one transaction with those that wait once the transaction has begun.
// Then it passes the turn on and reports the results to the callers, even if a change panics. If
// another caller has made the change already, it only passes the turn on.
func (s *Store) takeTurn(x *change) {
	w := &s.writers
	if !w.leave(x) {
		<-w.turn
		return
	}
	x.err = errBroken
	all := []*change{x}
	defer func() {
		<-w.turn
		for _, x := range all {
			x.done <- x.err
		}
	}()
	var made []error
	err := s.transaction(context.Background(), func(c conn) (err error) {
		all = append(all, w.take()...) // some came while another process was writing
		made, err = makeEach(c, all)
		return err
	})
	for i, x := range all {
		switch {
		case err == nil:
			x.err = made[i]
		case len(all) > 1:
			x.err = s.alone(x)
		case x.ctx.Err() != nil: // while it waited for another process
			x.err = context.Cause(x.ctx)
		default:
			x.err = err
		}
	}
}

// take removes and returns the waiting changes. Until they are made, their outcome is errBroken.
func (w *writers) take() (all []*change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, w.waiting = w.waiting, nil
	for _, x := range all {
		x.err = errBroken
	}
	return all
}

// leave removes a waiting change. It returns false if another goroutine is making it already.
func (w *writers) leave(x *change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, x)
	if i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
	return i >= 0
}

// makeEach makes changes in a transaction. Of several, it rolls back those that fail, and returns
// the error of each in made. It returns err if the whole transaction must be rolled back: if the
// only change has failed, or if SQLite has rolled back already, and with it the savepoint, because
// the ctx of a statement has ended.
func makeEach(c conn, all []*change) (made []error, err error) {
	if len(all) == 1 {
		return []error{nil}, all[0].run(c)
	}
	ctx := context.Background()
	for _, x := range all {
		if _, err := c.ExecContext(ctx, "SAVEPOINT change"); err != nil {
			return nil, err
		}
		failed := x.run(c)
		if made = append(made, failed); failed != nil {
			if _, err := c.ExecContext(ctx, "ROLLBACK TO change"); err != nil {
				return nil, err
			}
		}
		if _, err := c.ExecContext(ctx, "RELEASE change"); err != nil {
			return nil, err
		}
	}
	return made, nil
}
