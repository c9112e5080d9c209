package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestRenewWaits checks that Renew holds no other locks while it waits for a row, and has renewed
// the other rows before. Otherwise it could deadlock with Finish.
func TestRenewWaits(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		if strings.HasPrefix(s.Name(), "sqlite:") {
			t.Skip("SQLite has one writer at a time")
		}
		const all = 20
		fill(t, s, all, "queue")
		claimed, err := s.Claim(t.Context(), store.Claim{Owner: "ann", Queue: "queue", Limit: all, Lease: time.Minute})
		report(t, err)
		var ids []string
		for _, j := range claimed {
			ids = append(ids, j.ID)
		}
		slices.Reverse(ids)
		tx, err := s.Pool().BeginTx(t.Context(), nil)
		report(t, err)
		var pid, seq int
		report(t, tx.QueryRowContext(t.Context(), `SELECT pg_backend_pid(), seq FROM gomeko_job WHERE id = $1 FOR UPDATE`, ids[all/2]).Scan(&pid, &seq))
		renewed := make(chan map[string]store.Renewed)
		go func() {
			held, err := s.Renew(t.Context(), "ann", time.Hour, append(ids, "unknown"))
			report(t, err)
			renewed <- held
		}()
		for waiting := 0; waiting == 0 && !t.Failed(); {
			report(t, s.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))`, pid).Scan(&waiting))
		}
		var free int
		report(t, s.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM (
			SELECT seq FROM gomeko_job WHERE sweep_at > now() + interval '30 minutes' FOR UPDATE SKIP LOCKED) AS free`).Scan(&free))
		if free != all-1 {
			t.Errorf("%d of %d jobs are renewed and not locked while Renew waits for one", free, all)
		}
		report(t, tx.Rollback())
		if held := <-renewed; len(held) != all {
			t.Errorf("%d of %d jobs are renewed: %v", len(held), all, held)
		}
	})
}
