package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/internal/clip"
)

// These are the columns of a [Job] that [jobs] reads: all of them, or all but those that may be
// large.
const (
	columns = `seq, id, service, name, queue, state, priority, content_type, reply_to, correlation_id, created_at, run_at, ` +
		`started_at, finished_at, sweep_at, nudges, owner, host, attempt, earlier, deaths, cancel, progress, progress_text, ` +
		`error_type, error, hook, ` + termColumns + `, payload, headers, result`
	light = `seq, id, service, name, queue, state, priority, content_type, reply_to, correlation_id, created_at, run_at, ` +
		`started_at, finished_at, sweep_at, nudges, owner, host, attempt, earlier, deaths, cancel, progress, progress_text, ` +
		`error_type, error, hook, ` + termColumns + `, NULL, '', NULL`
	termColumns = `coalesce(version, ''), coalesce(unique_key, ''), unique_until, coalesce(resource, ''), pass`
)

// jobs runs a statement that returns the columns of jobs.
func jobs(ctx context.Context, c conn, query string, args ...any) (all []Job, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var j Job
		var sweep moment
		err := rows.Scan(&j.Seq, &j.ID, &j.Service, &j.Name, &j.Queue, &j.State, &j.Priority, &j.ContentType, &j.ReplyTo, &j.CorrelationID,
			(*moment)(&j.Created), (*moment)(&j.RunAt), (*moment)(&j.Started), (*moment)(&j.Finished), &sweep, &j.Nudges, &j.Owner, &j.Host,
			&j.Attempt, &j.Earlier, &j.Deaths, &j.Cancel, &j.Progress, &j.ProgressText, &j.ErrorType, &j.Error, &j.Hook,
			&j.Version, &j.UniqueKey, (*moment)(&j.UniqueUntil), &j.Resource, &j.Pass, &j.Payload, &j.Headers, &j.Result)
		if j.State == Running || j.Hook == HookRunning {
			j.Lease = time.Time(sweep)
		}
		if len(j.Payload) == 0 {
			j.Payload = nil
		}
		all = append(all, j)
		return err
	}, query, args...)
	return all, err
}

// texts runs a statement that returns one column of texts.
func texts(ctx context.Context, c conn, query string, args ...any) (all []string, err error) {
	err = each(ctx, c, func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		all = append(all, text)
		return err
	}, query, args...)
	return all, err
}

// each runs a statement, and calls scan for each row.
func each(ctx context.Context, c conn, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// A moment is a time as both databases return it, or NULL.
type moment time.Time

// Scan implements sql.Scanner.
func (m *moment) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*m = moment{}
	case int64:
		*m = moment(time.UnixMicro(v).UTC())
	case time.Time:
		*m = moment(v.UTC())
	default:
		return fmt.Errorf("a time of type %T", value)
	}
	return nil
}

// micros returns a duration in microseconds, rounded up.
func micros(d time.Duration) int64 {
	n := d.Microseconds()
	if d%time.Microsecond > 0 {
		n++
	}
	return n
}

// clean returns text in a form that both databases can store, truncated to limit bytes.
func clean(text string, limit int) string {
	if strings.ContainsRune(text, 0) {
		text = strings.ReplaceAll(text, "\x00", string(utf8.RuneError))
	}
	return clip.Text(strings.ToValidUTF8(text, string(utf8.RuneError)), limit)
}

// possible reports whether id is valid for a job. PostgreSQL rejects statements with other ids.
func possible(id string) bool { return id != "" && clean(id, 255) == id }

// noSuch returns the error for an id that no job can have.
func noSuch(id string) error { return fmt.Errorf("job %q: %w", clean(id, 255), ErrNotFound) }
