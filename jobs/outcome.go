package jobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/transport"
)

// An Outcome describes a job that has ended. The done hook of a row receives it.
type Outcome struct {
	ID       string
	Service  string
	Name     string
	State    store.State // succeeded, failed or cancelled
	Attempts int         // how many have started

	// Err is nil if the job has succeeded; otherwise it is an [*Error].
	Err error

	result []byte // JSON
}

// Decode stores the job's result in the value that into points to. If the job has not succeeded,
// Decode returns Err.
func (o Outcome) Decode(into any) error {
	if o.Err != nil {
		return o.Err
	}
	if err := codec.CheckPointer(into); err != nil {
		return fmt.Errorf("job %s.%s: result: %w", o.Service, o.Name, err)
	}
	if o.result == nil {
		reflect.ValueOf(into).Elem().SetZero()
		return nil
	}
	if err := codec.JSON.Decode(o.result, into); err != nil {
		return fmt.Errorf("job %s.%s: result: %w", o.Service, o.Name, err)
	}
	return nil
}

// Result returns the job's result as JSON, or nil if it has none.
func (o Outcome) Result() json.RawMessage { return o.result }

// OutcomeOf returns the outcome of a row whose state is final. It is for programs that read the
// store directly.
func OutcomeOf(j *store.Job) Outcome {
	o := Outcome{ID: j.ID, Service: j.Service, Name: j.Name, State: j.State, Attempts: j.Attempt}
	if j.State == store.Succeeded {
		o.result = j.Result
		return o
	}
	o.Err = newError(o, j.ErrorType, j.Error)
	return o
}

// These are the kinds of failure for which errors.Is reports true with an [Error].
var (
	// ErrCancelled means that the job was cancelled, or that its method dropped it (service.Drop).
	ErrCancelled = errors.New("job cancelled")

	// ErrSuspect means that the job was not retried because too many workers have died while
	// running it.
	ErrSuspect = errors.New("job killed its workers")
)

// An Error is the error of a job that has failed or was cancelled. If the method returned an
// [rpcerror.Error], errors.Is and errors.As find it, as they would in the process of the method.
type Error struct {
	ID       string
	Service  string
	Name     string
	State    store.State // failed or cancelled
	Attempts int
	Type     string // the path of the method's error, such as "builtins.ValueError"; "" if there was none
	Text     string // the text of that error

	cause *rpcerror.Error // nil if there is none
}

// newError returns the error of an outcome. path is the class of the method's error.
func newError(o Outcome, path, text string) *Error {
	e := &Error{ID: o.ID, Service: o.Service, Name: o.Name, State: o.State, Attempts: o.Attempts, Type: path, Text: text}
	if path != "" && path != store.Suspect {
		e.cause = rpcerror.New(path, text)
	}
	return e
}

// Error returns a text that names the job and says why it failed.
func (e *Error) Error() string {
	text := fmt.Sprintf("job %s.%s %s %s", e.Service, e.Name, e.ID, e.State)
	if e.Attempts > 1 {
		text += fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	switch {
	case e.cause != nil:
		text += ": " + e.cause.Error()
	case e.Text != "":
		text += ": " + e.Text
	}
	return text
}

// Is reports whether target is the kind of this failure, [ErrCancelled] or [ErrSuspect].
func (e *Error) Is(target error) bool {
	return target == ErrCancelled && e.State == store.Cancelled || target == ErrSuspect && e.Type == store.Suspect
}

// Unwrap returns the method's error as an [rpcerror.Error], or nil if there is none.
func (e *Error) Unwrap() error {
	if e.cause == nil {
		return nil
	}
	return e.cause
}

// An outcomeBody is the body of the message that carries an outcome to the reply_to of a job.
// result and error have the form of Nameko's replies.
type outcomeBody struct {
	Result   json.RawMessage `json:"result"`
	Error    *outcomeError   `json:"error"`
	ID       string          `json:"id"`
	Service  string          `json:"service"`
	Name     string          `json:"name"`
	State    store.State     `json:"state"`
	Attempts int             `json:"attempts"`
}

type outcomeError struct {
	Type  string `json:"exc_type"`
	Path  string `json:"exc_path"`
	Args  []any  `json:"exc_args"`
	Value string `json:"value"`
}

// reply returns the message that carries an outcome to the queue replyTo.
func (o Outcome) reply(replyTo, correlationID string) (transport.Publishing, error) {
	b := outcomeBody{Result: o.result, ID: o.ID, Service: o.Service, Name: o.Name, State: o.State, Attempts: o.Attempts}
	if b.Result == nil {
		b.Result = json.RawMessage("null")
	}
	var failed *Error
	if errors.As(o.Err, &failed) {
		e := rpcerror.New(failed.Type, failed.Text)
		b.Error = &outcomeError{e.Type, e.Path, e.Args, e.Value}
	}
	data, err := codec.JSON.Encode(b)
	return transport.Publishing{
		Key: replyTo,
		Properties: transport.Properties{
			ContentType: codec.JSON.ContentType(), ContentEncoding: codec.JSON.ContentEncoding(),
			CorrelationID: correlationID, MessageID: o.ID, Persistent: true, Headers: transport.Table{},
		},
		Body: data,
	}, err
}

// readOutcome returns the outcome in a message made by reply.
func readOutcome(d *transport.Delivery, accepts codec.Set, limit int) (Outcome, error) {
	c, data, err := accepts.Open(d.Encoded(), limit, nil)
	if err != nil {
		return Outcome{}, err
	}
	var b outcomeBody
	if err := c.Decode(data, &b); err != nil {
		return Outcome{}, err
	}
	o := Outcome{ID: b.ID, Service: b.Service, Name: b.Name, State: b.State, Attempts: b.Attempts}
	if b.State == store.Succeeded {
		o.result = b.Result
	} else {
		e := outcomeError{}
		if b.Error != nil {
			e = *b.Error
		}
		o.Err = newError(o, e.Path, e.Value)
	}
	return o, nil
}
