package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Message is a message in the outbox. It waits there from the commit of the transaction that
// wrote it until the broker has confirmed it.
type Message struct {
	Seq        int64     // numbers messages in the order of writing
	Line       string    // the messages of a line are published one after another, in the order of Seq
	Exchange   string    // of the broker
	Key        string    // the routing key
	Properties string    // a JSON object; the store does not read it
	Body       []byte    // published unchanged
	Created    time.Time // when it was written
}

// adding adds a message, if the transaction is in the database of the store with the id $6.
const adding = `INSERT INTO gomeko_outbox (line, exchange, routing_key, properties, body, created_at)
SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text), CAST($5 AS {bytes}), {now} FROM gomeko_store WHERE id = $6`

// AddMessage adds a message to the outbox, in a transaction of the caller on the store's database:
// see [ElsewhereError]. It ignores Seq and Created of m. If several transactions write to one line
// at the same time, its messages are published in the order of the commits or in the order of Seq.
func (s *Store) AddMessage(ctx context.Context, tx Executor, m Message) error {
	id, err := s.id(ctx)
	if err != nil {
		return err
	}
	for _, field := range []struct{ name, value string }{{"exchange", m.Exchange}, {"routing key", m.Key}, {"line", m.Line}} {
		if clean(field.value, 2048) != field.value {
			return fmt.Errorf("%s %.80q: must be a text in UTF-8 of at most 2048 bytes, without NUL", field.name, field.value)
		}
	}
	if m.Body == nil {
		m.Body = []byte{}
	}
	return s.added(tx.ExecContext(ctx, s.text(adding), m.Line, m.Exchange, m.Key, m.Properties, m.Body, id))
}

// added returns the error of a statement that adds a row only if the transaction is in the store's
// database.
func (s *Store) added(result sql.Result, err error) error {
	if err != nil {
		return s.inTx(err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return &ElsewhereError{Store: s.name}
	}
	return s.wrap(err)
}

// A Relay configures [Store.Relay].
type Relay struct {
	Owner  string   // the process that publishes; must be different in each process
	Limit  int      // maximum number of messages; the default is 500
	Except []string // lines from which no messages are taken
}

// Relayed is the result of [Store.Relay].
type Relayed struct {
	Taken  int  // messages that were passed to publish
	Done   int  // how many of these were published and deleted
	Behind int  // how many further messages, at least, may be taken immediately
	Busy   bool // other processes are publishing all messages in the outbox
}

// The statements of a relay.
const (
	// anything selects whether the outbox has messages. An idle relay runs only this.
	anything = `SELECT count(*) FROM (SELECT 1 FROM gomeko_outbox LIMIT 1) AS e`

	// lockedLines locks, on PostgreSQL, at most $1 lines with the oldest messages that no other
	// relay has locked. The locks last until the end of the transaction.
	lockedLines = `SELECT CAST(coalesce(json_agg(line), '[]') AS text) FROM (
	SELECT line FROM (
		SELECT DISTINCT line FROM (SELECT line FROM gomeko_outbox WHERE NOT line {items $2} ORDER BY seq LIMIT $3) AS head
	) AS lines WHERE pg_try_advisory_xact_lock(hashtext('gomeko_outbox ' || current_schema()), hashtext(line)) LIMIT $1
) AS locked`

	// patience makes PostgreSQL end the transaction of a process that hangs, and with it its locks.
	patience = `SELECT set_config('idle_in_transaction_session_timeout', $1, true)`

	messageColumns = `seq, line, exchange, routing_key, properties, body, created_at`

	// ofLines selects the oldest messages of the lines $1, using an index for each line.
	ofLines = `SELECT ` + messageColumns + ` FROM json_array_elements_text(CAST($1 AS text)::json) AS lines(l) CROSS JOIN LATERAL (
	SELECT * FROM gomeko_outbox WHERE line = l ORDER BY seq LIMIT $2
) AS m ORDER BY seq LIMIT $2`

	// leasing makes $1 the only process that publishes.
	leasing = `UPDATE gomeko_relay SET owner = $1, lease_until = {in CAST($2 AS bigint)} WHERE owner = $1 OR lease_until <= {now}`

	oldest = `SELECT ` + messageColumns + ` FROM gomeko_outbox WHERE NOT line {items $1} ORDER BY seq LIMIT $2`

	deleting = `DELETE FROM gomeko_outbox WHERE seq {numbers $1}`

	behind = `SELECT count(*) FROM (SELECT 1 FROM gomeko_outbox WHERE NOT line {items $1} LIMIT 1) AS e`

	releasing = `UPDATE gomeko_relay SET owner = '', lease_until = 0 WHERE owner = $1`
)

// linesAtOnce limits the lines that a relay takes at once. Other relays take further ones.
const linesAtOnce = 16

const (
	// relayLimit limits the time to publish the messages that a relay has taken.
	relayLimit = 15 * time.Second

	// relayPatience is the time after which PostgreSQL releases the lines of a process that hangs.
	relayPatience = 2 * relayLimit

	// relayLease is how long one process publishes on SQLite, unless it renews its lease, which it
	// does three times as often.
	relayLease = 3 * time.Second

	// relayEnding limits the time to delete what was published after the ctx of a relay has ended.
	relayEnding = 5 * time.Second
)

// Relay passes the oldest messages to publish, which returns the Seq of those that the broker has
// confirmed. Relay deletes these, and keeps the others. If the process dies, all are kept: a
// message may be published twice, but is never lost. publish must not publish a message before it
// has published all earlier ones of its line. The ctx of publish ends after 15 s, or earlier if
// another process may publish the same messages.
//
// Several processes may call Relay. On PostgreSQL, each takes lines that no other one has. On
// SQLite, one process takes all lines, until the outbox is empty.
func (s *Store) Relay(ctx context.Context, r Relay, publish func(ctx context.Context, messages []Message) (done []int64)) (Relayed, error) {
	r.Limit = cmp.Or(r.Limit, batch)
	if r.Except == nil {
		r.Except = []string{}
	}
	var n int
	err := s.read(func(c conn) error { return c.QueryRowContext(ctx, s.text(anything)).Scan(&n) })
	if err != nil || n == 0 {
		return Relayed{}, err
	}
	if s.dialect.single {
		return s.relayAlone(ctx, r, publish)
	}
	return s.relayLines(ctx, r, publish)
}

// relayLines relays messages of lines that it locks until the end of the transaction.
func (s *Store) relayLines(ctx context.Context, r Relay, publish publish) (d Relayed, err error) {
	tx, err := s.db.BeginTx(context.WithoutCancel(ctx), nil) // delete what was published even if ctx has ended
	if err != nil {
		return d, s.wrap(err)
	}
	defer func() {
		if err != nil {
			err = s.wrap(err)
			_ = tx.Rollback() // the connection may be lost
		}
	}()
	c := s.conn(tx)
	if _, err := c.ExecContext(ctx, patience, fmt.Sprint(relayPatience.Milliseconds())); err != nil {
		return d, err
	}
	var lines string
	if err := c.QueryRowContext(ctx, s.text(lockedLines), linesAtOnce, object(r.Except), r.Limit).Scan(&lines); err != nil {
		return d, err
	}
	if lines == "[]" {
		d.Busy = true
		return d, tx.Commit()
	}
	// This is a separate statement: it must not see messages that another relay deleted before it
	// gave up the lock.
	all, err := messages(ctx, c, s.text(ofLines), lines, r.Limit)
	if err != nil {
		return d, err
	}
	d.Taken = len(all)
	done := publish.limited(ctx, all)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayEnding)
	defer cancel()
	if d.Done = len(done); len(done) > 0 {
		if _, err := c.ExecContext(ctx, s.text(deleting), object(done)); err != nil {
			return d, err
		}
	}
	if err := c.QueryRowContext(ctx, s.text(behind), object(r.Except)).Scan(&d.Behind); err != nil {
		return d, err
	}
	return d, tx.Commit()
}

// A publish func publishes messages, and returns the Seq of those that the broker has confirmed.
type publish func(ctx context.Context, messages []Message) (done []int64)

// limited publishes messages, if there are any.
func (p publish) limited(ctx context.Context, all []Message) []int64 {
	if len(all) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, relayLimit)
	defer cancel()
	return p(ctx, all)
}

// relayAlone relays messages of all lines, while no other process does.
func (s *Store) relayAlone(ctx context.Context, r Relay, publish publish) (d Relayed, err error) {
	leased, err := s.leaseRelay(ctx, r)
	if err != nil || !leased {
		d.Busy = err == nil
		return d, err
	}
	var all []Message
	err = s.read(func(c conn) error {
		all, err = messages(ctx, c, s.text(oldest), object(r.Except), r.Limit)
		return err
	})
	if err != nil {
		return d, err
	}
	d.Taken = len(all)
	limited, release := s.keepRelay(ctx, r)
	done := publish.limited(limited, all)
	release()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), relayEnding)
	defer cancel()
	d.Done = len(done)
	return d, s.transact(ctx, func(c conn) error {
		if len(done) > 0 {
			if _, err := c.ExecContext(ctx, s.text(deleting), object(done)); err != nil {
				return err
			}
		}
		err := c.QueryRowContext(ctx, s.text(behind), object(r.Except)).Scan(&d.Behind)
		if err != nil || d.Behind > 0 && len(done) == len(all) {
			return err
		}
		_, err = c.ExecContext(ctx, s.text(releasing), r.Owner)
		return err
	})
}

// leaseRelay makes r's owner the process that publishes, or renews its lease. It returns false if
// another process has the lease.
func (s *Store) leaseRelay(ctx context.Context, r Relay) (leased bool, err error) {
	err = s.write(ctx, func(c conn) error {
		result, err := c.ExecContext(ctx, s.text(leasing), r.Owner, micros(relayLease))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		leased = n > 0
		return err
	})
	return leased, err
}

// keepRelay renews the lease until release is called. The context that it returns ends when another
// process may publish.
func (s *Store) keepRelay(ctx context.Context, r Relay) (_ context.Context, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer cancel()
		for until := time.Now().Add(relayLease / 3 * 2); ; {
			timer := time.NewTimer(relayLease / 3)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			began := time.Now()
			limited, cancel := context.WithDeadline(ctx, until)
			leased, err := s.leaseRelay(limited, r)
			cancel()
			switch {
			case err == nil && leased:
				until = began.Add(relayLease / 3 * 2)
			case err == nil, time.Now().After(until):
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-ended }
}

// messages runs a statement that returns messages.
func messages(ctx context.Context, c conn, query string, args ...any) (all []Message, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var m Message
		err := rows.Scan(&m.Seq, &m.Line, &m.Exchange, &m.Key, &m.Properties, &m.Body, (*moment)(&m.Created))
		all = append(all, m)
		return err
	}, query, args...)
	return all, err
}
