package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gomeko/gomeko/signature"
)

// An Isolator runs the methods of rows with isolate:"process" in other processes. Package runner
// has one. [Row.Isolate] sets it for a row.
type Isolator interface {
	// Isolate runs the method of a call and returns when the method has returned. If the method's
	// process ends before that, the error is a [*ProcessError]. If ctx ends first, Isolate ends the
	// method, and its process if necessary, and returns the cause.
	Isolate(ctx context.Context, call *IsolatedCall) (any, error)
}

// An IsolatedCall is a call whose method an [Isolator] runs.
type IsolatedCall struct {
	*Call
	Entry     *Row
	Arguments signature.Arguments
	Leading   []any  // values of the types that [Row.Bind] was given
	Input     Input  // that of the [Request]; nil if there is none
	Grant     string // that of the [Request], if a [Guard] has admitted the call; "" otherwise

	release func()
	noted   func(data []byte)
}

// Release frees the body that contains the arguments. The Isolator calls it once, when it no longer
// needs the arguments.
func (c *IsolatedCall) Release() { c.release() }

// Note passes on data that the method has passed to [Note] in its process.
func (c *IsolatedCall) Note(data []byte) {
	if c.noted != nil {
		c.noted(data)
	}
}

// Note passes data about the call that ctx belongs to, such as its progress, to the call's
// entrypoint; see [Request].Noted. Outside of a call it does nothing. It is for extensions.
func Note(ctx context.Context, data []byte) {
	if c, ok := ctx.Value(runKey{}).(*run); ok && c.request.Noted != nil {
		c.request.Noted(data)
	}
}

// A ProcessError is the error of a call of a row with isolate:"process" whose process ended before
// the method returned. Other calls are not affected. RPC callers receive it as rpc.ErrProcessEnded.
//
// A call whose process was ended because the call timed out has an [ErrTimeout] instead.
type ProcessError struct {
	Service, Row string
	Reason       ProcessEnd
	Detail       string // a sentence about what happened: "fatal error: concurrent map writes"
}

func (e *ProcessError) Error() string {
	text := fmt.Sprintf("service %s: %s: the process of the call %s", e.Service, e.Row, e.Reason)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// A ProcessEnd says why the process of a call ended.
type ProcessEnd string

// The reasons why the process of a call ended.
const (
	ProcessNotStarted  ProcessEnd = "could not be started"
	ProcessOutOfMemory ProcessEnd = "was killed, because it used too much memory"
	ProcessCrashed     ProcessEnd = "crashed"
	ProcessExited      ProcessEnd = "exited"             // the method called os.Exit
	ProcessKilled      ProcessEnd = "was killed"         // by a signal from outside
	ProcessBroken      ProcessEnd = "broke the protocol" // of the frames between parent and child
)

// minMemory is the lowest memory limit of a row. A program of services takes about half of it.
const minMemory = 64 << 20

// Isolated returns the keys isolate and memory of the row's tag: whether its method runs in a
// separate process, and how many bytes of memory that process may use; 0 means no limit.
func (r *Row) Isolated() (memory int64, ok bool) { return r.memory, r.isolated }

// Isolate sets the Isolator that runs the row's method, if the row has isolate:"process". Without
// an Isolator, the method runs in this process. Call Isolate from an [Extension].
func (r *Row) Isolate(by Isolator) {
	if r.isolated {
		r.isolator = by
	}
}

// readIsolation reads the keys isolate and memory.
func (r *Row) readIsolation() error {
	text, ok := r.Tag.lookup("isolate")
	size, limited := r.Tag.lookup("memory")
	switch {
	case !ok && limited:
		return errors.New(`memory: limits the process of an isolated method: add isolate:"process"`)
	case !ok:
		return nil
	case text != "process":
		return fmt.Errorf(`isolate: must be "process", not %q`, text)
	case !implementsIsolatable(r.Type):
		return fmt.Errorf("isolate: rows of type %s run in the process of the service: remove it; rpc.Method, jobs.Job, events.Handler, messaging.Consumer and timers can be isolated", r.Type)
	}
	r.isolated = true
	if limited {
		var err error
		if r.memory, err = parseMemory(size); err != nil {
			return err
		}
	}
	return nil
}

// implementsIsolatable reports whether rows of a type can be isolated: the type has the method
// Isolatable() bool, which returns true.
func implementsIsolatable(t reflect.Type) bool {
	i, ok := instance(t).(interface{ Isolatable() bool })
	return ok && i.Isolatable()
}

// parseMemory reads "512MiB" or "2GiB".
func parseMemory(text string) (int64, error) {
	for unit, bytes := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		digits, ok := strings.CutSuffix(text, unit)
		n, err := strconv.ParseInt(digits, 10, 32)
		if ok && err == nil && n > 0 {
			if n*bytes < minMemory {
				return 0, fmt.Errorf("memory: %s is less than a process needs: give it at least 64MiB", text)
			}
			return n * bytes, nil
		}
	}
	return 0, fmt.Errorf(`memory: must be a size such as "512MiB" or "2GiB", not %q`, text)
}

// checkIsolation returns an error if something that the bound method takes or returns cannot be
// sent to another process.
func (r *Row) checkIsolation() error {
	if !r.isolated {
		return nil
	}
	var mistakes []error
	if r.method.item != nil {
		mistakes = append(mistakes, fmt.Errorf("isolate: %s returns an iterator, and streams cannot leave their process: return a slice, or remove isolate", r.Method))
	}
	for i := range r.method.slots {
		if r.method.slots[i].item != nil {
			mistakes = append(mistakes, fmt.Errorf("isolate: %s takes an iterator, and streams cannot leave their process: take a slice, or remove isolate", r.Method))
		}
	}
	for _, t := range r.method.leading {
		if !plainData(t) {
			mistakes = append(mistakes, fmt.Errorf("isolate: %s takes %s, which cannot be sent to another process: remove the parameter, or isolate", r.Method, t))
		}
	}
	if r.once {
		mistakes = append(mistakes, errors.New("isolate: an inbox is committed with the call's transaction, which is in another process: remove inbox, or isolate"))
	}
	return errors.Join(mistakes...)
}

// plainData reports whether a type consists of exported fields of basic types and times.
func plainData(t reflect.Type) bool {
	switch k := t.Kind(); {
	case t == reflect.TypeFor[time.Time](), k == reflect.String, k >= reflect.Bool && k <= reflect.Float64 && k != reflect.Uintptr:
		return true
	case k == reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || !plainData(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// noteIsolation logs, once, the rows that should be isolated and are not.
func (c *Container) noteIsolation() {
	var rows []string
	for _, r := range c.rows {
		if r.isolated && r.isolator == nil && !r.LeftOut() {
			rows = append(rows, r.path())
		}
	}
	if len(rows) > 0 {
		c.logger.LogAttrs(c.life, slog.LevelInfo, `methods with isolate:"process" run in this process`, slog.Any("rows", rows))
	}
}

// isolate reads the arguments, and has another process call the method.
func (c *run) isolate(ctx context.Context) (result any, err error) {
	defer recovered(&result, &err)
	args, body, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	call := &IsolatedCall{Call: &c.call, Entry: c.row, Arguments: args, Leading: c.leading(ctx), Input: c.request.Input, release: func() {}, noted: c.request.Noted}
	if body != nil {
		call.release = body.Close
	}
	if c.row.guarded() {
		call.Grant = c.request.Grant
	}
	return c.row.isolator.Isolate(ctx, call)
}

// leading returns the values of the leading parameters.
func (c *run) leading(ctx context.Context) []any {
	values := make([]any, len(c.request.Leading))
	for i, v := range c.request.Leading {
		if late, ok := v.(func(context.Context) any); ok {
			v = late(ctx)
		}
		values[i] = v
	}
	return values
}

// Perform runs the method of a call that an [Isolator] in another process has begun. The values
// injected for the call are made here; its middleware, log lines and observers are in the other
// process. Perform returns when the method has returned, even if ctx has ended before. The row may
// be one that [Config].Only leaves out.
func (r *Row) Perform(ctx context.Context, req Request) (result any, err error) {
	if err := r.runnable(&req); err != nil {
		req.Reserved.Release()
		return nil, fmt.Errorf("%s: %w", r.where(), err)
	}
	req.performed = true
	c := r.begin(ctx, &req)
	defer c.end()
	if c.denied != nil {
		return nil, c.denied
	}
	if !c.acquire() {
		return nil, c.notBegun()
	}
	c.started = true
	if ended := r.container.pool.apart(func() { result, err = c.invoke(r.hosted.withOutbox(c)) }); ended != nil {
		return nil, ended
	}
	return result, err
}

// RejectedArguments reports whether err, an error of Perform, means that the method was not called
// because the arguments do not fit or violate a constraint.
func RejectedArguments(err error) bool {
	var misfit *signature.Error
	var invalid invalidArguments
	return errors.As(err, &misfit) || errors.As(err, &invalid)
}

// Rejected returns err as the error of a call whose arguments violate a constraint, as another
// process has found.
func (c *IsolatedCall) Rejected(err *ValidationError) error { return invalidArguments{err} }
