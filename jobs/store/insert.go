package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// batch is how many rows one statement inserts, claims or finishes at most.
const batch = 500

// insertion inserts rows. $3 is how long the sweeper waits for a nudge that was sent.
const insertion = `INSERT INTO gomeko_job (id, service, name, queue, state, priority, payload, content_type, headers, reply_to,
	correlation_id, created_at, run_at, sweep_at)
SELECT eid, eservice, ename, equeue, CASE WHEN erun > {now} THEN 'scheduled' ELSE 'queued' END, epriority, {blob epayload}, etype,
	eheaders, ereply, ecorrelation, {now}, erun, CASE WHEN erun > {now} THEN erun WHEN enudged THEN {in CAST($3 AS bigint)} ELSE {now} END
FROM (SELECT *, CASE WHEN eat IS NOT NULL THEN {moment eat} ELSE {in ein} END AS erun FROM {rows ` +
	`eid text, eservice text, ename text, equeue text, epriority smallint, epayload text, etype text, eheaders text, ereply text, ` +
	`ecorrelation text, eat bigint, ein bigint, enudged boolean}) AS n WHERE true
ON CONFLICT (id) DO NOTHING RETURNING id`

// A newRow is a [New] for the insertion.
type newRow struct {
	ID          string `json:"eid"`
	Service     string `json:"eservice"`
	Name        string `json:"ename"`
	Queue       string `json:"equeue"`
	Priority    int    `json:"epriority"`
	Payload     string `json:"epayload"`
	ContentType string `json:"etype"`
	Headers     string `json:"eheaders"`
	ReplyTo     string `json:"ereply"`
	Correlation string `json:"ecorrelation"`
	At          *int64 `json:"eat"`
	In          int64  `json:"ein"`
	Nudged      bool   `json:"enudged"`
}

// row returns what is inserted for a job, or what is wrong with it.
func (s *Store) row(n New) (newRow, error) {
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
	if n.Priority != int(int16(n.Priority)) {
		wrong = append(wrong, fmt.Errorf("priority: %d is not from -32768 to 32767", n.Priority))
	}
	if n.Headers != "" && !json.Valid([]byte(n.Headers)) {
		wrong = append(wrong, errors.New("headers: are not JSON"))
	}
	if len(wrong) > 0 {
		return newRow{}, fmt.Errorf("job %s: %w", clean(n.ID, 255), errors.Join(wrong...))
	}
	r := newRow{
		ID: n.ID, Service: n.Service, Name: n.Name, Queue: n.Queue, Priority: n.Priority, Payload: s.dialect.encode(n.Payload),
		ContentType: n.ContentType, Headers: n.Headers, ReplyTo: n.ReplyTo, Correlation: n.CorrelationID,
		In: max(0, micros(n.In)), Nudged: n.Nudged,
	}
	if !n.At.IsZero() {
		at := n.At.UnixMicro()
		r.At = &at
	}
	return r, nil
}

// rows returns the rows of jobs.
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

// Insert adds jobs, all or none of them. For each it reports whether it was added: false says that
// the store has a job of this id already, which is left as it is. Jobs get their Seq in this order.
// Single jobs that callers insert at the same time share a statement and its commit. After an error
// a job may have been added: to insert it again is safe.
func (s *Store) Insert(ctx context.Context, jobs ...New) ([]bool, error) {
	rows, err := s.rows(jobs)
	switch {
	case err != nil || len(rows) == 0:
		return nil, err
	case len(rows) == 1:
		return s.insertSingle(ctx, rows[0])
	}
	return s.insert(ctx, rows)
}

// insert inserts rows, and reports for each whether it was added.
func (s *Store) insert(ctx context.Context, rows []newRow) (_ []bool, err error) {
	var added []string
	insert := func(c conn) error {
		added = added[:0]
		for part := range slices.Chunk(rows, batch) {
			ids, err := texts(ctx, c, s.text(insertion), object(part), len(part), micros(Again))
			if err != nil {
				return err
			}
			added = append(added, ids...)
		}
		return nil
	}
	if len(rows) <= batch {
		err = s.write(ctx, insert)
	} else {
		err = s.transact(ctx, insert)
	}
	if err != nil {
		return nil, err
	}
	return among(rows, added), nil
}

// among reports for each row whether its id is among those that were added. The first row with an
// id was added.
func among(rows []newRow, added []string) []bool {
	set := make(map[string]bool, len(added))
	for _, id := range added {
		set[id] = true
	}
	all := make([]bool, len(rows))
	for i, r := range rows {
		all[i] = set[r.ID]
		delete(set, r.ID)
	}
	return all
}

// InsertTx is [Store.Insert] in a transaction of the caller, on the store's database. If the
// transaction is rolled back, the jobs were never there.
func (s *Store) InsertTx(ctx context.Context, tx Executor, jobs ...New) ([]bool, error) {
	rows, err := s.rows(jobs)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if s.dialect.single { // a statement costs little, and one that returns many rows needs QueryContext
		added := make([]bool, len(rows))
		statement := strings.TrimSuffix(s.text(insertion), " RETURNING id")
		for i, r := range rows {
			result, err := tx.ExecContext(ctx, statement, object([]newRow{r}), 1, micros(Again))
			if err != nil {
				return nil, s.wrap(err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return nil, s.wrap(err)
			}
			added[i] = n > 0
		}
		return added, nil
	}
	var added []string
	for part := range slices.Chunk(rows, batch) {
		var text string
		query := `WITH added AS (` + s.text(insertion) + `) SELECT CAST(coalesce(json_agg(id), '[]') AS text) FROM added`
		if err := tx.QueryRowContext(ctx, query, object(part), len(part), micros(Again)).Scan(&text); err != nil {
			return nil, s.wrap(err)
		}
		var ids []string
		if err := json.Unmarshal([]byte(text), &ids); err != nil {
			return nil, s.wrap(err)
		}
		added = append(added, ids...)
	}
	return among(rows, added), nil
}

// object returns a value of ours in JSON, as a parameter of a statement.
func object(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the types of this package can all be encoded
	}
	return string(text)
}

// present selects those of $1, an array of ids, that jobs have.
const present = `SELECT id FROM gomeko_job WHERE id {items $1}`

// InsertMissing is [Store.Insert] for jobs that are most likely there already: it looks for them
// first, which locks nothing and costs no commit. It inserts only those that are missing.
func (s *Store) InsertMissing(ctx context.Context, jobs ...New) ([]bool, error) {
	ids := make([]string, len(jobs))
	for i, n := range jobs {
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
	added := make([]bool, len(jobs))
	for i, n := range jobs {
		if !there[n.ID] {
			added[i], inserted = inserted[0], inserted[1:]
		}
	}
	return added, nil
}
