package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// A Periodic is a row of a service whose jobs are inserted at the ticks of a schedule, by whichever
// process notices first that one is due. This package keeps what the schedule says, and does not
// read it.
type Periodic struct {
	Service string
	Name    string // of the job
	Field   string // the name of the row in the service's table
	Queue   string

	Schedule string // a cron expression
	Zone     string // its time zone, as in the IANA database
	Missed   string // what happens to late ticks: once, all or skip
	Overlap  string // what happens while the job of the last tick has not ended: skip, allow or queue
	Terms    Terms  // of the jobs

	Paused bool      // nothing is due
	Last   time.Time // the last tick that was decided; before the first one, when it was registered
	Job    string    // the id of the last job that was inserted; "" if there was none
	State  State     // of Job; "" if the store does not have it, or no longer
	Now    time.Time // when this was read, by the database's clock
}

// Waiting reports whether the last job has not ended.
func (p Periodic) Waiting() bool { return p.State != "" && !p.State.Final() }

// A change of a schedule begins to count now: the ticks that it would have had before are not due.
const registering = `INSERT INTO gomeko_periodic AS p (service, name, field, queue, schedule, zone, missed, overlap, terms, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})
ON CONFLICT (service, name) DO UPDATE SET field = excluded.field, queue = excluded.queue, schedule = excluded.schedule, zone = excluded.zone,
	missed = excluded.missed, overlap = excluded.overlap, terms = excluded.terms,
	last_at = CASE WHEN (p.schedule = excluded.schedule AND p.zone = excluded.zone) OR p.last_at > {now} THEN p.last_at ELSE {now} END
WHERE NOT (p.field = excluded.field AND p.queue = excluded.queue AND p.schedule = excluded.schedule AND p.zone = excluded.zone
	AND p.missed = excluded.missed AND p.overlap = excluded.overlap AND p.terms = excluded.terms)`

// Register adds a row, or replaces what another process has said of it: the schedule of the process
// that registers last counts, in all processes. The time and the last job of a row are kept, and so
// is whether it is paused. If the schedule or its zone is another one, the ticks after this moment
// are due.
func (s *Store) Register(ctx context.Context, p Periodic) error {
	return s.write(ctx, func(c conn) error {
		_, err := c.ExecContext(ctx, s.text(registering), p.Service, p.Name, p.Field, p.Queue, p.Schedule, p.Zone, p.Missed, p.Overlap, object(p.Terms))
		return err
	})
}

const (
	// periodic has the columns of a [Periodic].
	periodic = `SELECT service, name, field, queue, schedule, zone, missed, overlap, terms, paused, last_at, job,
	coalesce((SELECT state FROM gomeko_job WHERE id = p.job), ''), {now} FROM gomeko_periodic AS p`

	ofRow = ` WHERE service = $1 AND name = $2`

	locking = `SELECT name FROM gomeko_periodic` + ofRow + ` FOR UPDATE`

	ticking = `UPDATE gomeko_periodic SET last_at = {moment $3}, job = $4` + ofRow
)

// Periodics returns the rows of services, or all rows if none are named, ordered by service and
// name.
func (s *Store) Periodics(ctx context.Context, services ...string) (all []Periodic, err error) {
	where, args := "", []any(nil)
	if len(services) > 0 {
		where, args = ` WHERE service {items $1}`, []any{object(services)}
	}
	err = s.read(func(c conn) (err error) {
		all, err = periodics(ctx, c, s.text(periodic+where+` ORDER BY service, name`), args...)
		return err
	})
	return all, err
}

// periodics runs a statement that returns the columns of rows.
func periodics(ctx context.Context, c conn, query string, args ...any) (all []Periodic, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var p Periodic
		var terms []byte
		err := rows.Scan(&p.Service, &p.Name, &p.Field, &p.Queue, &p.Schedule, &p.Zone, &p.Missed, &p.Overlap, &terms, &p.Paused,
			(*moment)(&p.Last), &p.Job, &p.State, (*moment)(&p.Now))
		if err == nil {
			err = json.Unmarshal(terms, &p.Terms)
		}
		all = append(all, p)
		return err
	}, query, args...)
	return all, err
}

// periodic returns a row.
func (s *Store) periodic(ctx context.Context, c conn, service, name string) (Periodic, error) {
	all, err := periodics(ctx, c, s.text(periodic+ofRow), service, name)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s.%s: %w", service, name, ErrNotPeriodic)
	}
	if err != nil {
		return Periodic{}, err
	}
	return all[0], nil
}

// A Tick is what is to be done at the ticks of a [Periodic].
type Tick struct {
	Last time.Time // the last tick that is decided; zero if none is due
	Jobs []New     // to be inserted, at most 500. Those whose ids the store has are not inserted
	// Missed is how many ticks are skipped, for the caller.
	Missed int
}

// idle reports whether nothing is to be done.
func (t Tick) idle() bool { return t.Last.IsZero() && len(t.Jobs) == 0 }

// Tick inserts the jobs of a row for which decide says that they are due, and notes that, in one
// transaction. Of several processes that call it at the same time, one inserts them, and the others
// see that they are no longer due. It returns the row as it is then, and what was done: the zero
// Tick if nothing was due.
//
// decide is called with the row as it is in the database. It may be called again, and must not use
// the store.
func (s *Store) Tick(ctx context.Context, service, name string, decide func(Periodic) Tick) (p Periodic, done Tick, err error) {
	err = s.read(func(c conn) (err error) { // mostly nothing is due: that needs no lock
		p, err = s.periodic(ctx, c, service, name)
		return err
	})
	if err != nil || decide(p).idle() {
		return p, Tick{}, err
	}
	err = s.transact(ctx, func(c conn) (err error) {
		if !s.dialect.single {
			// The statements that follow see what the transaction has done that held the lock
			// before.
			if _, err := texts(ctx, c, locking, service, name); err != nil {
				return err
			}
		}
		if p, err = s.periodic(ctx, c, service, name); err != nil {
			return err
		}
		if done = decide(p); done.idle() {
			return nil
		}
		return s.tick(ctx, c, &p, done)
	})
	return p, done, err
}

// tick does it in a transaction.
func (s *Store) tick(ctx context.Context, c conn, p *Periodic, t Tick) error {
	rows, err := s.rows(t.Jobs)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		if _, err := texts(ctx, c, s.text(insertingAny), object(rows), len(rows), micros(Again)); err != nil {
			return err
		}
		p.Job = rows[len(rows)-1].ID
	}
	if !t.Last.IsZero() {
		p.Last = t.Last.UTC()
	}
	if _, err := c.ExecContext(ctx, s.text(ticking), p.Service, p.Name, p.Last.UnixMicro(), p.Job); err != nil {
		return err
	}
	*p, err = s.periodic(ctx, c, p.Service, p.Name)
	return err
}

const pausing = `UPDATE gomeko_periodic SET paused = $3` + ofRow

// Pause pauses a row in all processes, or resumes it, and returns it. Ticks of the time when it was
// paused are late.
func (s *Store) Pause(ctx context.Context, service, name string, paused bool) (p Periodic, err error) {
	err = s.transact(ctx, func(c conn) error {
		if _, err := c.ExecContext(ctx, s.text(pausing), service, name, paused); err != nil {
			return err
		}
		p, err = s.periodic(ctx, c, service, name)
		return err
	})
	return p, err
}
