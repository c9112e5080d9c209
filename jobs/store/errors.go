package store

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNotFound is returned for an id that the store does not have: it never had it, or the job has
// ended and was pruned. The error itself names the id.
var ErrNotFound = errors.New("no such job")

// ErrNotPeriodic is returned for a row that no process has registered with [Store.Register]. The
// error itself names the row.
var ErrNotPeriodic = errors.New("no such periodic job")

// ErrLost is returned to a worker that no longer holds the job, or its hook: its lease has ended
// and another worker has it, or it has ended. The worker must stop.
var ErrLost = errors.New("the lease was lost: another worker has the job, or it has ended")

// ErrState is what errors.Is finds in a [StateError].
var ErrState = errors.New("not possible in this state")

// A StateError is returned by [Store.Cancel] and [Store.Retry] if the job's state does not permit
// it.
type StateError struct {
	Job  Job    // as it is in the store
	Verb string // what was tried: "cancel" or "retry"
	Why  string // what is in the way, and what to do
}

// Error says what was tried with which job, and why not.
func (e *StateError) Error() string {
	return fmt.Sprintf("cannot %s job %s: %s", e.Verb, e.Job.ID, e.Why)
}

// Is reports whether target is [ErrState].
func (e *StateError) Is(target error) bool { return target == ErrState }

// A SchemaError is returned by [Store.Check] if the tables do not fit the program.
type SchemaError struct {
	Have int // the version of the tables; 0: there are none
	Want int // the version that this program needs
}

// Error says which version the tables have, which one is needed, and how to get it.
func (e *SchemaError) Error() string {
	switch {
	case e.Have == 0:
		return "the database has no tables for jobs: run gomeko jobs migrate"
	case e.Have < e.Want:
		return fmt.Sprintf("the tables of jobs have version %d, this program needs %d: run gomeko jobs migrate", e.Have, e.Want)
	default:
		return fmt.Sprintf("the tables of jobs have version %d, this program knows only %d: a newer gomeko jobs migrate was run. "+
			"Build this program with that version of gomeko", e.Have, e.Want)
	}
}

// Refused reports whether the database has refused what a statement contains: a value that it
// cannot store, or a constraint of somebody's. To repeat the statement is useless; it may do
// without one of its rows.
func Refused(err error) bool {
	var postgres interface{ SQLState() string }
	if errors.As(err, &postgres) && len(postgres.SQLState()) == 5 {
		return slices.Contains([]string{"22", "23", "54", "P0"}, postgres.SQLState()[:2])
	}
	var sqlite interface{ Code() int }
	return errors.As(err, &sqlite) && slices.Contains([]int{18, 19, 20}, sqlite.Code()&0xff) // too big, constraint, mismatch
}
