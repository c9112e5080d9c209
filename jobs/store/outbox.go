package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Message is a message in the outbox: it waits there from the commit of the transaction that has
// written it until the broker has it.
type Message struct {
	Seq        int64     // numbers messages in the order in which they were written
	Line       string    // the messages of a line leave one after another, in the order of Seq
	Exchange   string    // of the broker
	Key        string    // the routing key
	Properties string    // a JSON object; the store does not read it
	Body       []byte    // as it is published
	Created    time.Time // when it was written
}

// adding adds a message, if the transaction is in the database of the store with the id $6.
const adding = `INSERT INTO gomeko_outbox (line, exchange, routing_key, properties, body, created_at)
SELECT CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text), CAST($5 AS {bytes}), {now} FROM gomeko_store WHERE id = $6`

// AddMessage adds a message to the outbox, in a transaction of the caller on the store's database:
// see [ElsewhereError]. Seq and Created of m are not used. Messages of one line that several
// transactions write at the same time leave in the order of the commits, or in that of Seq.
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

// added returns the error of a statement that adds a row if the transaction is in the store's
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

// A Relay says how [Store.Relay] works.
type Relay struct {
	Owner  string   // who publishes; each process needs its own
	Limit  int      // at most so many messages; the default is 500
	Except []string // the lines that are left where they are
}

// Relayed is what [Store.Relay] has done.
type Relayed struct {
	Taken  int  // messages that were passed to publish
	Done   int  // of these, the ones that were published and deleted
	Behind int  // further messages that may be taken at once; at least so many
	Busy   bool // other processes have all messages that there are
}

// The statements of a relay.
const (
	// anything selects whether there are messages. An idle relay runs only this.
	anything = `SELECT count(*) FROM (SELECT 1 FROM gomeko_outbox LIMIT 1) AS e`

	// Locked lines are those of PostgreSQL that no other relay has, $1 at most, of the oldest
	// messages. A lock counts until the end of the transaction.
	lockedLines = `SELECT CAST(coalesce(json_agg(line), '[]') AS text) FROM (
	SELECT line FROM (
		SELECT DISTINCT line FROM (SELECT line FROM gomeko_outbox WHERE NOT line {items $2} ORDER BY seq LIMIT $3) AS head
	) AS lines WHERE pg_try_advisory_xact_lock(hashtext('gomeko_outbox ' || current_schema()), hashtext(line)) LIMIT $1
) AS locked`

	// patience ends the transaction of a process that hangs, and with it its locks.
	patience = `SELECT set_config('idle_in_transaction_session_timeout', $1, true)`

	messageColumns = `seq, line, exchange, routing_key, properties, body, created_at`

	// ofLines selects the oldest messages of the lines $1, with an index of each line.
	ofLines = `SELECT ` + messageColumns + ` FROM json_array_elements_text(CAST($1 AS text)::json) AS lines(l) CROSS JOIN LATERAL (
	SELECT * FROM gomeko_outbox WHERE line = l ORDER BY seq LIMIT $2
) AS m ORDER BY seq LIMIT $2`

	// leasing makes $1 the one process that publishes.
	leasing = `UPDATE gomeko_relay SET owner = $1, lease_until = {in CAST($2 AS bigint)} WHERE owner = $1 OR lease_until <= {now}`

	oldest = `SELECT ` + messageColumns + ` FROM gomeko_outbox WHERE NOT line {items $1} ORDER BY seq LIMIT $2`

	deleting = `DELETE FROM gomeko_outbox WHERE seq {numbers $1}`

	behind = `SELECT count(*) FROM (SELECT 1 FROM gomeko_outbox WHERE NOT line {items $1} LIMIT 1) AS e`

	releasing = `UPDATE gomeko_relay SET owner = '', lease_until = 0 WHERE owner = $1`
)

// linesAtOnce is how many lines a relay takes at once: others take further ones.
const linesAtOnce = 16

const (
	// relayLimit limits the publishing of what a relay has taken.
	relayLimit = 15 * time.Second

	// relayPatience is when PostgreSQL takes away what a process has that hangs.
	relayPatience = 2 * relayLimit

	// relayLease is for how long one process publishes on SQLite, unless it renews its lease, which it
	// does three times as often.
	relayLease = 3 * time.Second

	// relayEnding is how long a relay may take to delete what was published, when its ctx has ended.
	relayEnding = 5 * time.Second
)

// Relay passes the oldest messages to publish, and deletes those whose Seq it returns: the ones
// that the broker has confirmed. What it does not return stays, and so does everything if the
// process dies: a message may be published twice, and none is lost. publish must not publish a
// message before an earlier one of its line that it has not published. The ctx of publish ends
// after 15 s, or when another process may publish the same messages.
//
// Several processes may call Relay. On PostgreSQL each takes lines that the others do not have; on
// SQLite one of them takes everything, and keeps it until nothing is left.
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

// relayLines relays lines that it locks. The lock ends with the transaction.
func (s *Store) relayLines(ctx context.Context, r Relay, publish publish) (d Relayed, err error) {
	tx, err := s.db.BeginTx(context.WithoutCancel(ctx), nil) // what was published is deleted even if ctx has ended
	if err != nil {
		return d, s.wrap(err)
	}
	defer func() {
		if err != nil {
			err = s.wrap(err)
			_ = rolledBack(tx) // the connection may be lost
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
	// A statement of its own: what another relay has deleted before it gave up the lock must not be
	// seen.
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

// publish publishes messages, and returns the Seq of those that the broker has.
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

// leaseRelay makes r's owner the process that publishes, or lets it go on. It returns false if
// another one does.
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
