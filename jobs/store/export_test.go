package store

import (
	"context"
	"database/sql"
	"fmt"
)

// The errors of attempts and jobs whose workers died.
const (
	KilledError  = killedError
	WakeAfter    = wakeAfter
	SuspectError = suspectError
)

// SetClock makes the store read the time from a table that the test sets.
func (s *Store) SetClock(now string) { s.dialect.now = now }

// Occupy keeps all changes of the process waiting, until free is called.
func (s *Store) Occupy() (free func()) {
	s.writers.turn <- struct{}{}
	return func() { <-s.writers.turn }
}

// Waiting returns how many changes wait for their turn.
func (s *Store) Waiting() int {
	s.writers.mu.Lock()
	defer s.writers.mu.Unlock()
	return len(s.writers.waiting)
}

// Writing reports whether a caller has its turn to write.
func (s *Store) Writing() bool { return len(s.writers.turn) == 1 }

// Exec runs one statement.
func (s *Store) Exec(ctx context.Context, statement string) error {
	_, err := s.exec(ctx, statement)
	return err
}

// Panic makes a change panic.
func (s *Store) Panic() {
	_ = s.transact(context.Background(), func(conn) error { panic("a change that panics") })
}

// Pool returns the store's connections.
func (s *Store) Pool() *sql.DB { return s.db }

// Text returns a statement in the store's dialect.
func (s *Store) Text(statement string) string { return s.text(statement) }

// A Statement is a statement with parameters for it.
type Statement struct {
	Text    string
	Args    []any
	Index   string // that must be used
	Ordered bool   // has its order from the index
}

// Statements returns the statements that run all the time.
func Statements() map[string]Statement {
	kinds := []kind{{"images", "job1", "q", Failed}, {"images", "job1", "q", Succeeded}}
	list, listArgs := selectKinds(Filter{Before: 1 << 40, Limit: 100}, kinds)
	id, number := `["succeeded-1"]`, `[1]`
	claim := []any{"gomeko.jobs.images", 10, 1_000_000, "ann", "here"}
	statement := func(c Claim, from selection) string {
		c.Queue, c.Limit = "gomeko.jobs.images", 10
		text, _ := c.statement(from)
		return text
	}
	resource := `[{"eresource":"r1"}]`
	return map[string]Statement{
		"claim":       {statement(Claim{}, selection{all: true}), claim, "gomeko_job_claim", true},
		"claim name":  {statement(Claim{}, selection{names: []string{"job1"}}), append(claim, "job1"), "gomeko_job_claim_name", true},
		"claim names": {statement(Claim{}, selection{names: []string{"job1", "job2"}}), append(claim, "job1", "job2"), "gomeko_job_claim_name", false},
		"claim few":   {statement(Claim{Deaths: 2}, selection{all: true}), claim, "gomeko_job_claim", true},
		"suspects":    {fmt.Sprintf(claiming, "", fmt.Sprintf(suspects, 2, "")), claim, "gomeko_job_suspect", true},
		"claim lines": {statement(Claim{Resources: true}, selection{}), claim, "gomeko_job_line", false},
		"claim all":   {statement(Claim{Resources: true}, selection{all: true}), claim, "gomeko_job_claim_line", false},
		"firsts":      {firsts, []any{resource, 1}, "gomeko_job_line", true},
		"waking":      {waking, []any{resource, 1, 1_000_000}, "gomeko_job_line", false},
		"nudged line": {nudgedLine, []any{500}, "gomeko_job_nudge_line", true},
		"expiring":    {expiring, []any{"images", "job1", "k"}, "gomeko_job_unique", false},
		"obstacles":   {`SELECT ` + obstacles, []any{`[{"eid":"1"}]`, 1}, "gomeko_job_unique", false},
		"yielding":    {yielding, []any{"1"}, "gomeko_job_unique", false},
		"waiting":     {waiting, []any{"gomeko.jobs.images"}, "gomeko_job_claim_name", true},
		"claim hooks": {fmt.Sprintf(claimingHooks, ""), claim, "gomeko_job_hook", true},
		"renew":       {fmt.Sprintf(renewing, free), []any{"ann", 1_000_000, id}, "", false},
		"renew one":   {fmt.Sprintf(renewing, `id = $3`), []any{"ann", 1_000_000, "succeeded-1"}, "", false},
		"held":        {held, []any{"ann", id}, "", false},
		"cancelled":   {cancelled, []any{"ann"}, "gomeko_job_cancel", false},
		"finish":      {finishing, []any{`[{"eid":"1","eattempt":1}]`, 1}, "", false},
		"recorded":    {recorded, []any{`[{"eid":"1","eattempt":1}]`, 1}, "", false},
		"due":         {due, []any{500}, "gomeko_job_due", true},
		"nudged":      {nudged, []any{500}, "gomeko_job_nudge", true},
		"nudging":     {nudging, []any{number, 1}, "", false},
		"upcoming":    {upcoming, nil, "gomeko_job_due", true},
		"moving":      {fmt.Sprintf(moving, selectWaiting(2)), []any{"gomeko.jobs.images", "q", "images", 500, "job1", "job2"}, "gomeko_job_list", false},
		"moving done": {fmt.Sprintf(moving, waitsForHook), []any{"gomeko.jobs.images", "q", "images", 500, `["job1"]`}, "gomeko_job_hook", true},
		"pruned":      {pruned, []any{-1_000_000, 500}, "gomeko_job_finished", true},
		"forgetting":  {forgetting, []any{number}, "", false},
		"pruning":     {pruning, []any{number}, "", false},
		"newest":      {newest, []any{1 << 40, 100}, "", true},
		"distinct":    {distinct, nil, "gomeko_job_list", false},
		"list":        {list, listArgs, "gomeko_job_list", false},
		"present":     {present, []any{id}, "", false},
		"get":         {getting, []any{id}, "", false},
	}
}
