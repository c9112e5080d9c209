package run

import (
	"errors"
	"fmt"
)

// ErrNotFound is wrapped by the error for a run that does not exist, or whose id the user may not
// look up.
var ErrNotFound = errors.New("no such run")

// ErrUnknownRow is wrapped by the error for a row that no service has, or that control panels may
// not run.
var ErrUnknownRow = errors.New("cannot be run from a control panel")

// ErrArguments is wrapped by the error for arguments that do not fit the row's parameters. Values
// are validated by the form and the worker.
var ErrArguments = errors.New("arguments")

// ErrTooMany is wrapped by the error of [Runs.Start] if [Config.MaxOpen] runs of the user are open.
var ErrTooMany = errors.New("too many runs")

// ErrEnded is wrapped by the error of [Runs.Cancel] for a run that has ended.
var ErrEnded = errors.New("has ended")

// ErrStore is wrapped by the error if the store of jobs cannot be read.
var ErrStore = errors.New("store of jobs")

// ErrClosed is returned if the [Runs] was closed.
var ErrClosed = errors.New("the panel stops")

// ofStore wraps an error of the store of jobs; it returns nil if err is nil.
func ofStore(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

// A DeniedError is returned to a user who lacks a group. A web page answers with status 403.
type DeniedError struct {
	User  string
	Group string // that the user is not in
	What  string // the action that needs it
}

// Error names the group.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("user %s is not in the group %s, which %s needs", e.User, e.Group, e.What)
}

// A NonceError is returned by [Runs.Start] if the user has already started another row with the
// nonce, or the same row with other arguments.
type NonceError struct {
	ID string // of the run that was started before
}

// Error returns a text that says what to do.
func (e *NonceError) Error() string {
	return fmt.Sprintf("this form has started the run %s already, with something else: open the form again to start another one", e.ID)
}
