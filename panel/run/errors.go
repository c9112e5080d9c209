package run

import (
	"errors"
	"fmt"
)

// ErrNotFound is wrapped by the error for a run that does not exist, or that the user must not see
// by its id.
var ErrNotFound = errors.New("no such run")

// ErrUnknownRow is wrapped by the error for a row that no service has, or that is not for control
// panels.
var ErrUnknownRow = errors.New("cannot be run from a control panel")

// ErrArguments is wrapped by the error for arguments that cannot be those of the row. Whether their
// values are valid is the worker's question, and that of the form.
var ErrArguments = errors.New("arguments")

// ErrTooMany is wrapped by the error of [Runs.Start] for a user of whom [Config].MaxOpen runs are
// open.
var ErrTooMany = errors.New("too many runs")

// ErrEnded is wrapped by the error of [Runs.Cancel] for a run that has ended.
var ErrEnded = errors.New("has ended")

// ErrStore is wrapped by the error of a store of jobs that cannot be read.
var ErrStore = errors.New("store of jobs")

// ErrClosed is returned by what needs a [Runs] that is not closed.
var ErrClosed = errors.New("the panel stops")

// ofStore returns an error of the store of jobs, nil if err is nil.
func ofStore(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

// A DeniedError is returned to a user who lacks a group. A web page answers it with 403.
type DeniedError struct {
	User  string
	Group string // that the user is not in
	What  string // what needs it
}

// Error names the group.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("user %s is not in the group %s, which %s needs", e.User, e.Group, e.What)
}

// A NonceError is returned by [Runs.Start] for a nonce with which the same user has started another
// row, or the same one with other arguments.
type NonceError struct {
	ID string // of the run that was started
}

// Error says what to do.
func (e *NonceError) Error() string {
	return fmt.Sprintf("this form has started the run %s already, with something else: open the form again to start another one", e.ID)
}
