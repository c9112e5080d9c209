package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
)

// A Row describes a row of a service for commands that know only the store: the queue in which its
// jobs wait, and whether their arguments may be shown.
type Row struct {
	Service   string
	Name      string // of the job
	Queue     string
	Former    string // the queue that the row had before; "" if it never changed
	Sensitive bool   // an argument is sensitive
}

// A hostedRow is a [Row] for the statement below.
type hostedRow struct {
	Service   string `json:"eservice"`
	Name      string `json:"ename"`
	Queue     string `json:"equeue"`
	Sensitive bool   `json:"esensitive"`
}

const hosting = `INSERT INTO gomeko_hosted (service, name, queue, former, sensitive)
SELECT eservice, ename, equeue, '', esensitive FROM {rows eservice text, ename text, equeue text, esensitive boolean} WHERE true
ON CONFLICT (service, name) DO UPDATE SET queue = excluded.queue, sensitive = excluded.sensitive,
	former = CASE WHEN gomeko_hosted.queue <> excluded.queue THEN gomeko_hosted.queue ELSE gomeko_hosted.former END
WHERE gomeko_hosted.queue <> excluded.queue OR gomeko_hosted.sensitive <> excluded.sensitive`

// Host writes the rows of a worker, and replaces what was written before. If the queue of a row has
// changed, Former is set to the previous one. Rows that the worker does not have are not changed.
func (s *Store) Host(ctx context.Context, rows ...Row) error {
	if len(rows) == 0 {
		return nil
	}
	all := make([]hostedRow, len(rows))
	for i, r := range rows {
		all[i] = hostedRow{r.Service, r.Name, r.Queue, r.Sensitive}
	}
	// All processes use the same order, so that those that start together do not block each other.
	slices.SortFunc(all, func(a, b hostedRow) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
	_, err := s.exec(ctx, hosting, object(all), len(all))
	return err
}

// Hosted returns the rows that workers have or had, in order.
func (s *Store) Hosted(ctx context.Context) (all []Row, err error) {
	err = s.read(func(c conn) error {
		return each(ctx, c, func(rows *sql.Rows) error {
			var r Row
			err := rows.Scan(&r.Service, &r.Name, &r.Queue, &r.Former, &r.Sensitive)
			all = append(all, r)
			return err
		}, `SELECT service, name, queue, former, sensitive FROM gomeko_hosted ORDER BY service, name`)
	})
	return all, err
}
