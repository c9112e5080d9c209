package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// An obstacle is the reason why a row was not inserted.
type obstacle struct {
	Row    int    // its index
	Same   bool   // a job with its ID is in the store
	Stale  bool   // its version is not the current one
	Holder string // the job that holds its key; "" if none does
	Over   bool   // a job that has ended holds its key, but its time has expired
}

const (
	// mayHold is the condition that a job may hold its key. It is also the condition of the index.
	mayHold = `unique_key IS NOT NULL AND (finished_at IS NULL OR unique_until IS NOT NULL)`

	// holds selects the jobs that hold the key of a row e….
	holds = `FROM gomeko_job WHERE service = eservice AND name = ename AND unique_key = ekey AND ` + mayHold

	// obstacles selects an obstacle for each row.
	obstacles = `coalesce(eindex, 0), EXISTS (SELECT 1 FROM gomeko_job WHERE id = eid),
	coalesce((SELECT version FROM gomeko_row WHERE service = eservice AND name = ename), '') <> coalesce(eversion, ''),
	coalesce((SELECT id ` + holds + ` AND (finished_at IS NULL OR unique_until > {now})), ''),
	EXISTS (SELECT 1 ` + holds + ` AND finished_at IS NOT NULL AND unique_until <= {now})
FROM {rows eindex integer, eid text, eservice text, ename text, eversion text, ekey text}`

	// expiring takes a key from a job that has ended and whose time has expired.
	expiring = `UPDATE gomeko_job SET unique_until = NULL
WHERE service = $1 AND name = $2 AND unique_key = $3 AND ` + mayHold + ` AND finished_at IS NOT NULL AND unique_until <= {now}`
)

// place inserts rows with insert, which returns the ids of the rows added. For the other rows, it
// calls look to get the obstacles, removes the removable ones with release, and tries again.
func place(rows []newRow, insert func([]newRow) ([]string, error), look func([]newRow) ([]obstacle, error), release func(newRow) error) ([]Inserted, error) {
	all := make([]Inserted, len(rows))
	pending := make([]int, len(rows))
	for i := range rows {
		pending[i] = i
	}
	for range tries {
		added, err := insert(pick(rows, pending))
		if err != nil {
			return nil, err
		}
		if pending = note(rows, pending, added, all); len(pending) == 0 {
			return all, nil
		}
		for _, i := range pending {
			rows[i].Index = i
		}
		found, err := look(pick(rows, pending))
		if err != nil {
			return nil, err
		}
		slices.SortFunc(found, func(a, b obstacle) int { return cmp.Compare(a.Row, b.Row) })
		var again []int
		for _, o := range found {
			i := o.Row
			switch r := rows[i]; {
			case o.Same:
				all[i].ID = r.ID
			case o.Stale:
				all[i] = Inserted{ID: r.ID, Stale: true}
			case o.Holder != "":
				all[i].ID = o.Holder
			case o.Over:
				again = append(again, i)
				if err := release(r); err != nil {
					return nil, err
				}
			default: // the job that held the key has ended meanwhile
				again = append(again, i)
			}
		}
		if pending = again; len(pending) == 0 {
			return all, nil
		}
	}
	return nil, errHurried
}

// errHurried is returned if each of several tries met an obstacle that was gone when looked at.
var errHurried = errors.New("jobs of the same unique key began and ended at each try to insert one: enqueue it again")

// pick returns the rows with these indexes.
func pick(rows []newRow, indexes []int) []newRow {
	if len(indexes) == len(rows) {
		return rows
	}
	some := make([]newRow, len(indexes))
	for at, i := range indexes {
		some[at] = rows[i]
	}
	return some
}

// note records which pending rows were added, and returns the others. Of several rows with an id,
// the first was added.
func note(rows []newRow, pending []int, added []string, all []Inserted) (rest []int) {
	set := make(map[string]bool, len(added))
	for _, id := range added {
		set[id] = true
	}
	for _, i := range pending {
		if id := rows[i].ID; set[id] {
			all[i] = Inserted{ID: id, Added: true}
			delete(set, id)
		} else {
			rest = append(rest, i)
		}
	}
	return rest
}

// obstaclesTx returns the obstacles of rows in a transaction of the caller, which can query only
// one row at a time.
func (s *Store) obstaclesTx(ctx context.Context, tx Executor, rows []newRow) ([]obstacle, error) {
	all := make([]obstacle, len(rows))
	for i, r := range rows {
		o := &all[i]
		row := tx.QueryRowContext(ctx, s.text(`SELECT `+obstacles), object([]newRow{r}), 1)
		if err := row.Scan(&o.Row, &o.Same, &o.Stale, &o.Holder, &o.Over); err != nil {
			return nil, err
		}
	}
	return all, nil
}
