package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// batch is the maximum number of rows that one statement inserts, claims or finishes.
	batch = 500

	// volume is the maximum size of the payloads or results of one statement in bytes, unless a single
	// one is larger. Both databases refuse a statement of a gigabyte, and may count its bytes twice.
	volume = 16 << 20
)

// divide divides rows into parts for one statement each. size returns the size of a row in bytes.
func divide[T any](rows []T, size func(T) int) (parts [][]T) {
	for len(rows) > 0 {
		n, bytes := 1, size(rows[0])
		for n < min(len(rows), batch) && bytes+size(rows[n]) <= volume {
			bytes += size(rows[n])
			n++
		}
		parts, rows = append(parts, rows[:n]), rows[n:]
	}
	return parts
}

// size returns the size of a row's payload in bytes, as it is inserted.
func (r newRow) size() int { return len(r.Payload) }

// insertion inserts rows whose version is that of their service's row, unless their id exists or
// their key is held. insertingAny does not compare the versions. $3 is how long the sweeper waits
// for the effect of a nudge that was sent.
const (
	insertion = inserting + `
WHERE coalesce((SELECT version FROM gomeko_row WHERE service = eservice AND name = ename), '') = coalesce(eversion, '')` + unlessThere

	insertingAny = inserting + ` WHERE true` + unlessThere

	unlessThere = `
ON CONFLICT DO NOTHING RETURNING id`

	inserting = `INSERT INTO gomeko_job (id, service, name, queue, state, priority, payload, content_type, headers, reply_to,
	correlation_id, created_at, run_at, sweep_at, version, unique_key, unique_until, resource, pass)
SELECT eid, eservice, ename, equeue, CASE WHEN erun > {now} THEN 'scheduled' ELSE 'queued' END, coalesce(epriority, 0), {blob epayload},
	coalesce(etype, ''), coalesce(eheaders, ''), coalesce(ereply, ''), coalesce(ecorrelation, ''), {now}, erun,
	CASE WHEN erun > {now} THEN erun WHEN enudged THEN {in CAST($3 AS bigint)} ELSE {now} END,
	eversion, ekey, CASE WHEN efor > 0 THEN {in efor} END, eresource, coalesce(epass, false)
FROM (SELECT *, CASE WHEN eat IS NOT NULL THEN {moment eat} ELSE {in coalesce(ein, 0)} END AS erun FROM {rows ` +
		`eid text, eservice text, ename text, equeue text, epriority smallint, epayload text, etype text, eheaders text, ereply text, ` +
		`ecorrelation text, eat bigint, ein bigint, enudged boolean, eversion text, ekey text, efor bigint, eresource text, epass boolean}) AS n`
)

// A newRow is a [New] for the insertion. Empty fields are omitted, because SQLite searches the
// object from its start for each field.
type newRow struct {
	ID          string `json:"eid"`
	Service     string `json:"eservice"`
	Name        string `json:"ename"`
	Queue       string `json:"equeue"`
	Priority    int    `json:"epriority,omitempty"`
	Payload     string `json:"epayload"`
	ContentType string `json:"etype,omitempty"`
	Headers     string `json:"eheaders,omitempty"`
	ReplyTo     string `json:"ereply,omitempty"`
	Correlation string `json:"ecorrelation,omitempty"`
	At          *int64 `json:"eat,omitempty"`
	In          int64  `json:"ein,omitempty"`
	Nudged      bool   `json:"enudged,omitempty"`
	Index       int    `json:"eindex,omitempty"` // set for obstacles
	terms
}

// terms are [Terms] for statements.
type terms struct {
	Version  string `json:"eversion,omitempty"`
	Key      string `json:"ekey,omitempty"`
	For      int64  `json:"efor,omitempty"`
	Resource string `json:"eresource,omitempty"`
	Pass     bool   `json:"epass,omitempty"`
}

// row returns them for statements.
func (t Terms) row() terms {
	return terms{Version: t.Version, Key: t.UniqueKey, For: max(0, micros(t.UniqueFor)), Resource: t.Resource, Pass: t.Pass}
}

// Check returns an error that says everything that is wrong with n. [Store.Insert] refuses such a
// job, and all jobs passed to the same call.
func (n New) Check() error {
	var wrong []error
	for _, field := range []struct {
		name, value string
		required    bool
	}{
		{"ID", n.ID, true},
		{"Service", n.Service, true},
		{"Name", n.Name, true},
		{"Queue", n.Queue, true},
		{"ContentType", n.ContentType, false},
		{"ReplyTo", n.ReplyTo, false},
		{"CorrelationID", n.CorrelationID, false},
		{"Version", n.Version, false},
		{"UniqueKey", n.UniqueKey, false},
		{"Resource", n.Resource, false},
	} {
		switch {
		case field.required && field.value == "":
			wrong = append(wrong, fmt.Errorf("%s: must not be empty", field.name))
		case len(field.value) > 255:
			wrong = append(wrong, fmt.Errorf("%s: has %d bytes, the limit is 255", field.name, len(field.value)))
		case clean(field.value, 255) != field.value:
			wrong = append(wrong, fmt.Errorf("%s: %q is not a text in UTF-8, or contains a NUL byte", field.name, field.value))
		}
	}
	if n.In != 0 && !n.At.IsZero() {
		wrong = append(wrong, errors.New("has both In and At: remove one"))
	}
	if year := n.At.UTC().Year(); year < 1 || year > 9999 {
		wrong = append(wrong, fmt.Errorf("at: is in the year %d, and must be from 1 to 9999", year))
	}
	if n.Priority != int(int16(n.Priority)) {
		wrong = append(wrong, fmt.Errorf("priority: %d is not from -32768 to 32767", n.Priority))
	}
	if n.Headers != "" && !json.Valid([]byte(n.Headers)) {
		wrong = append(wrong, errors.New("headers: are not JSON"))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("job %s: %w", clean(n.ID, 255), errors.Join(wrong...))
	}
	return nil
}

// row returns the row to insert for a job.
func (s *Store) row(n New) (newRow, error) {
	if err := n.Check(); err != nil {
		return newRow{}, err
	}
	r := newRow{
		ID: n.ID, Service: n.Service, Name: n.Name, Queue: n.Queue, Priority: n.Priority, Payload: s.dialect.encode(n.Payload),
		ContentType: n.ContentType, Headers: n.Headers, ReplyTo: n.ReplyTo, Correlation: n.CorrelationID,
		In: max(0, micros(n.In)), Nudged: n.Nudged, terms: n.Terms.row(),
	}
	if !n.At.IsZero() {
		at := n.At.UnixMicro()
		r.At = &at
	}
	return r, nil
}

// rows returns the rows to insert for jobs.
func (s *Store) rows(jobs []New) ([]newRow, error) {
	rows := make([]newRow, len(jobs))
	var wrong []error
	for i, n := range jobs {
		var err error
		if rows[i], err = s.row(n); err != nil {
			wrong = append(wrong, err)
		}
	}
	return rows, errors.Join(wrong...)
}

// Inserted is the result of inserting a [New].
type Inserted struct {
	// ID is the id of the job in the store: that of New, or that of the job that holds its UniqueKey.
	ID string
	// Added reports whether the job was inserted. If not, the store already has a job with this ID,
	// which is unchanged, or Stale is true.
	Added bool
	// Stale reports that the job was not inserted because New.Version is not the current version:
	// read [Store.Specs], compute the Terms again, and insert the job again.
	Stale bool
}

// Insert inserts jobs, all or none of them, except those that exist already or are Stale. It
// returns a result for each job. Seq increases in the order of jobs, except that a job whose key
// was held by a job that has ended may come after later ones. Single jobs that callers insert at
// the same time share a statement and its commit. After an error, jobs may have been inserted or
// not; it is safe to insert them again.
func (s *Store) Insert(ctx context.Context, jobs ...New) ([]Inserted, error) {
	rows, err := s.rows(jobs)
	switch {
	case err != nil || len(rows) == 0:
		return nil, err
	case len(rows) == 1:
		return s.insertSingle(ctx, rows[0])
	}
	return s.insert(ctx, rows)
}

// insert inserts rows.
func (s *Store) insert(ctx context.Context, rows []newRow) (all []Inserted, err error) {
	parts := divide(rows, newRow.size)
	if len(parts) == 1 { // each statement commits by itself
		return s.insertBatch(ctx, rows, func(f func(conn) error) error { return s.write(ctx, f) })
	}
	err = s.transact(ctx, func(c conn) error {
		all = all[:0]
		for _, part := range parts {
			inserted, err := s.insertBatch(ctx, part, func(f func(conn) error) error { return f(c) })
			if err != nil {
				return err
			}
			all = append(all, inserted...)
		}
		return nil
	})
	return all, err
}

// insertBatch inserts rows by statements that run executes.
func (s *Store) insertBatch(ctx context.Context, rows []newRow, run func(func(conn) error) error) ([]Inserted, error) {
	return place(rows, func(rows []newRow) (added []string, err error) {
		err = run(func(c conn) (err error) {
			added, err = texts(ctx, c, s.text(insertion), object(rows), len(rows), micros(Again))
			return err
		})
		return added, err
	}, func(rows []newRow) (found []obstacle, err error) {
		err = run(func(c conn) error {
			found = found[:0]
			return each(ctx, c, func(rows *sql.Rows) error {
				var o obstacle
				err := rows.Scan(&o.Row, &o.Same, &o.Stale, &o.Holder, &o.Over)
				found = append(found, o)
				return err
			}, s.text(`SELECT `+obstacles), object(rows), len(rows))
		})
		return found, err
	}, func(r newRow) error {
		return run(func(c conn) error {
			_, err := c.ExecContext(ctx, s.text(expiring), r.Service, r.Name, r.Key)
			return err
		})
	})
}

// InsertTx is [Store.Insert] in a transaction of the caller, in the store's database. If the
// transaction is rolled back, the jobs are not inserted.
func (s *Store) InsertTx(ctx context.Context, tx Executor, jobs ...New) ([]Inserted, error) {
	rows, err := s.rows(jobs)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var all []Inserted
	for _, part := range divide(rows, newRow.size) {
		inserted, err := place(part, func(rows []newRow) ([]string, error) { return s.insertTx(ctx, tx, rows) },
			func(rows []newRow) ([]obstacle, error) { return s.obstaclesTx(ctx, tx, rows) },
			func(r newRow) error {
				_, err := tx.ExecContext(ctx, s.text(expiring), r.Service, r.Name, r.Key)
				return err
			})
		if err != nil {
			return nil, s.wrap(err)
		}
		all = append(all, inserted...)
	}
	return all, nil
}

// insertTx inserts rows and returns the ids of those that were added.
func (s *Store) insertTx(ctx context.Context, tx Executor, rows []newRow) (added []string, err error) {
	if s.dialect.single { // a statement costs little, and an Executor cannot return several rows
		statement := strings.TrimSuffix(s.text(insertion), " RETURNING id")
		for _, r := range rows {
			result, err := tx.ExecContext(ctx, statement, object([]newRow{r}), 1, micros(Again))
			if err != nil {
				return nil, err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return nil, err
			}
			if n > 0 {
				added = append(added, r.ID)
			}
		}
		return added, nil
	}
	var text string
	query := `WITH added AS (` + s.text(insertion) + `) SELECT CAST(coalesce(json_agg(id), '[]') AS text) FROM added`
	if err := tx.QueryRowContext(ctx, query, object(rows), len(rows), micros(Again)).Scan(&text); err != nil {
		return nil, err
	}
	return added, json.Unmarshal([]byte(text), &added)
}

// object returns a value in JSON, as a parameter of a statement.
func object(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // all types of this package can be encoded
	}
	return string(text)
}

// present selects those ids in $1, an array, that jobs have.
const present = `SELECT id FROM gomeko_job WHERE id {items $1}`

// InsertMissing is [Store.Insert] for jobs that most likely exist already. It looks for them first,
// which takes no locks and needs no commit, and inserts only those that are missing.
func (s *Store) InsertMissing(ctx context.Context, jobs ...New) ([]Inserted, error) {
	ids := make([]string, len(jobs))
	for i, n := range jobs {
		if err := n.Check(); err != nil {
			return nil, err
		}
		ids[i] = n.ID
	}
	var found []string
	err := s.read(func(c conn) (err error) {
		found, err = texts(ctx, c, s.text(present), object(ids))
		return err
	})
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(found))
	for _, id := range found {
		there[id] = true
	}
	missing := slices.DeleteFunc(slices.Clone(jobs), func(n New) bool { return there[n.ID] })
	inserted, err := s.Insert(ctx, missing...)
	if err != nil {
		return nil, err
	}
	all := make([]Inserted, len(jobs))
	for i, n := range jobs {
		if all[i].ID = n.ID; !there[n.ID] {
			all[i], inserted = inserted[0], inserted[1:]
		}
	}
	return all, nil
}
