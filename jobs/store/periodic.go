package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// A Periodic is a row of a service whose jobs are inserted at the ticks of a schedule, by the first
// process that notices a due tick. This package stores the schedule without interpreting it.
type Periodic struct {
	Service string
	Name    string // of the job
	Field   string // the name of the row in the service's table
	Queue   string

	Schedule string // a cron expression
	Zone     string // its time zone, as in the IANA database
	Missed   string // what happens to late ticks: once, all or skip
	Overlap  string // what happens if the job of the last tick has not ended: skip, allow or queue
	Terms    Terms  // of the jobs

	Paused bool      // no ticks are due
	Last   time.Time // the last tick that was decided; before the first one, the time of registration
	Job    string    // the id of the last inserted job; "" if there was none
	State  State     // of Job; "" if it is not in the store, or no longer
	Now    time.Time // when the row was read, by the database's clock
}

// Waiting reports whether the last job has not ended.
func (p Periodic) Waiting() bool { return p.State != "" && !p.State.Final() }

// A changed schedule counts from now on: ticks that it would have had before are not due.
const registering = `INSERT INTO gomeko_periodic AS p (service, name, field, queue, schedule, zone, missed, overlap, terms, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})
ON CONFLICT (service, name) DO UPDATE SET field = excluded.field, queue = excluded.queue, schedule = excluded.schedule, zone = excluded.zone,
	missed = excluded.missed, overlap = excluded.overlap, terms = excluded.terms,
	last_at = CASE WHEN (p.schedule = excluded.schedule AND p.zone = excluded.zone) OR p.last_at > {now} THEN p.last_at ELSE {now} END
WHERE NOT (p.field = excluded.field AND p.queue = excluded.queue AND p.schedule = excluded.schedule AND p.zone = excluded.zone
	AND p.missed = excluded.missed AND p.overlap = excluded.overlap AND p.terms = excluded.terms)`

// Register adds a row, or replaces what another process has registered: all processes use the
// schedule that was registered last. Last, Job and Paused of an existing row are kept. If the
// schedule or its zone has changed, only ticks after this moment are due.
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

// periodics runs a statement that returns the columns of periodic rows.
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

// A Tick is the decision about the due ticks of a [Periodic].
type Tick struct {
	Last time.Time // the last tick decided; zero if none is due
	Jobs []New     // to insert, at most 500; those whose ids are in the store are not inserted again
	// Missed is how many ticks were skipped. The store does not use it.
	Missed int
}

// idle reports whether the Tick changes nothing.
func (t Tick) idle() bool { return t.Last.IsZero() && len(t.Jobs) == 0 }

// Tick calls decide to find out which jobs of a row are due, inserts these jobs and records the
// decision, in one transaction. If several processes call it at the same time, one inserts the
// jobs, and for the others they are no longer due. It returns the row as it is afterwards, and the
// decision; this is the zero Tick if nothing was due.
//
// decide is called with the current row. It may be called again, and must not use the store.
func (s *Store) Tick(ctx context.Context, service, name string, decide func(Periodic) Tick) (p Periodic, done Tick, err error) {
	err = s.read(func(c conn) (err error) { // usually nothing is due, and no lock is needed
		p, err = s.periodic(ctx, c, service, name)
		return err
	})
	if err != nil || decide(p).idle() {
		return p, Tick{}, err
	}
	err = s.transact(ctx, func(c conn) (err error) {
		if !s.dialect.single {
			// The following statements see the changes of the transaction that held the lock
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

// tick records a decision in a transaction.
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

// Pause pauses a row in all processes, or resumes it, and returns it. Ticks that were due while it
// was paused are late.
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

// Forget deletes a row, but not its jobs. It is meant for a row that is no longer in the code: a
// process that still has the row registers it again within seconds, as a new one that is not
// paused. If there is no such row, the error wraps [ErrNotPeriodic].
func (s *Store) Forget(ctx context.Context, service, name string) error {
	n, err := s.exec(ctx, `DELETE FROM gomeko_periodic`+ofRow, service, name)
	if err == nil && n == 0 {
		err = fmt.Errorf("%s.%s: %w", service, name, ErrNotPeriodic)
	}
	return err
}
