package store

import (
	"errors"
	"fmt"
	"slices"
)

// ErrNotFound is returned for an id that is not in the store: it never was, or the job has ended
// and was pruned. The returned error names the id.
var ErrNotFound = errors.New("no such job")

// ErrNotPeriodic is returned for a row that no process has registered with [Store.Register], or
// that [Store.Forget] has deleted. The returned error names the row.
var ErrNotPeriodic = errors.New("no such periodic job")

// ErrLost is returned to a worker that no longer holds the job or its hook. Either its lease
// expired and another worker has the job, or the job has ended. The worker must stop.
var ErrLost = errors.New("the lease was lost: another worker has the job, or it has ended")

// ErrState is the kind of all [StateError] values, for errors.Is.
var ErrState = errors.New("not possible in this state")

// A StateError is returned by [Store.Cancel] and [Store.Retry] if the job's state does not allow
// the operation.
type StateError struct {
	Job  Job    // its current row
	Verb string // what was attempted: "cancel" or "retry"
	Why  string // why that is not possible, and what to do
}

// Error returns a text that names the operation, the job and the reason.
func (e *StateError) Error() string {
	return fmt.Sprintf("cannot %s job %s: %s", e.Verb, e.Job.ID, e.Why)
}

// Is reports whether target is [ErrState].
func (e *StateError) Is(target error) bool { return target == ErrState }

// A SchemaError is returned by [Store.Check] if the tables do not match the program.
type SchemaError struct {
	Have int // the version of the tables; 0 if there are none
	Want int // the version that this program needs
}

// Error returns a text with the version of the tables, the version needed, and how to get it.
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

// Refused reports whether the database rejected the content of a statement: a value that it cannot
// store, or one that violates a constraint. Repeating the statement is useless, but it may succeed
// without one of its rows.
func Refused(err error) bool {
	var postgres interface{ SQLState() string }
	if errors.As(err, &postgres) && len(postgres.SQLState()) == 5 {
		return slices.Contains([]string{"22", "23", "54", "P0"}, postgres.SQLState()[:2])
	}
	var sqlite interface{ Code() int }
	return errors.As(err, &sqlite) && slices.Contains([]int{18, 19, 20}, sqlite.Code()&0xff) // too big, constraint, mismatch
}
