package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/sequence"
	"github.com/gomeko/gomeko/signature"
)

// A Row is a row in a service's table of entrypoints, as its [EntrypointType] sees it. It binds a
// method of the service and runs it.
type Row struct {
	Host    *Host
	Service string       // the service's name
	Name    string       // the row's name
	Method  string       // the name of the Go method: Name, unless the tag says method:"…"
	Type    reflect.Type // the row's type
	Tag     Tag

	container *Container
	hosted    *hosted
	kind      string
	logger    *slog.Logger
	timeout   time.Duration // 0 is none
	isolated  bool          // isolate:"process"
	memory    int64         // of its process, in bytes; 0 is no limit
	isolator  Isolator      // nil if the method runs in this process
	once      bool          // by UseTransaction
	lenient   bool          // members of objects in arguments may be missing
	allow     string        // the groups that people need to run it; "" if it is not for people
	confirm   bool          // people confirm that they run it
	grants    bool          // its requests have grants: see UseGrants
	workers   []*semaphore  // what a call needs: the row's, if it has max_workers, and the service's
	method    *method       // set by Bind
	prefix    string        // of the ids of its calls
	run       Runner        // the method in its middleware
	wrapped   bool          // there is middleware
	calls     roll          // the calls that run
	followers []*Row        // by Follow
}

// Bind binds the row's method to a signature, "name" or "name(a, b=1, *rest, c, **opts)" as Python
// would write it. leading are the types of the parameters that the method takes after ctx and
// before the arguments; [Request].Leading has their values. The error says what to write instead.
//
// Each name in a list is one Go parameter. Without a list, the method has either no further
// parameter or one: a struct, or a pointer to one, whose fields are the parameters. The tag json
// names a field; the field is optional if it has default:"1" (a Python literal), omitempty or
// omitzero, or is a pointer.
//
// If leading has a type with the method Context() context.Context, such as *http.Request, the Go
// method may instead take only the leading parameters, without ctx, and return nothing.
//
// Entrypoint must call Bind once.
func (r *Row) Bind(spec string, leading ...reflect.Type) (*signature.Signature, error) {
	if r.method != nil {
		return nil, fmt.Errorf("Row.Bind was called before, with %s", r.method.sig)
	}
	sig, err := signature.Parse(spec)
	if err != nil {
		return nil, err
	}
	m, err := r.bind(sig, leading)
	if err != nil {
		return nil, err
	}
	r.method = m
	r.prefix = r.Service + "." + m.sig.Name + "."
	return m.sig, nil
}

// Follow returns a row for another method of the service, which is called after calls of r, such as
// the done hook of a job. That row is not in the table: it has no entrypoint, no timeout and no
// max_workers, and does not appear in descriptions. spec and leading are those of [Row.Bind]. Its
// calls run in the container's middleware and take a worker of the service.
//
// Call Follow from Entrypoint.
func (r *Row) Follow(method, spec string, leading ...reflect.Type) (*Row, error) {
	f := &Row{
		Host:      r.Host,
		Service:   r.Service,
		Name:      r.Name,
		Method:    method,
		Type:      r.Type,
		Tag:       r.Tag,
		container: r.container,
		hosted:    r.hosted,
		kind:      r.kind,
		logger:    r.logger,
		lenient:   r.lenient,
		workers:   []*semaphore{r.hosted.workers},
	}
	if _, err := f.Bind(spec, leading...); err != nil {
		return nil, err
	}
	r.followers = append(r.followers, f)
	return f, nil
}

// Params returns the types of the parameters of the row's method after ctx, or nil if there is no
// such method, which Bind reports. It is for entrypoints with leading parameters that methods need
// not take.
func (r *Row) Params() []reflect.Type {
	method, ok := reflect.PointerTo(r.hosted.proto.Type()).MethodByName(r.Method)
	if !ok {
		return nil
	}
	return withoutContext(inputs(method.Type))
}

// Result returns the type of the result of the row's method besides its error, or nil if there is
// no result or no such method. It is []T if the method returns an iter.Seq2[T, error]; see
// [Row.Item].
func (r *Row) Result() reflect.Type {
	result := r.result()
	if item := sequence.Item(result); item != nil {
		return reflect.SliceOf(item)
	}
	return result
}

// Item returns T if the row's method returns (iter.Seq2[T, error], error), or nil otherwise. The
// call of such a method ends when its iterator does. By default, [Row.Run] reads the items into a
// []T while the values of the call are open. An entrypoint that can send them one by one reads the
// iterator in [Request].Result.
func (r *Row) Item() reflect.Type { return sequence.Item(r.result()) }

// result returns the type of the first of two results of the row's method, or nil unless it has
// two.
func (r *Row) result() reflect.Type {
	method, ok := reflect.PointerTo(r.hosted.proto.Type()).MethodByName(r.Method)
	if !ok || method.Type.NumOut() != 2 {
		return nil
	}
	return method.Type.Out(0)
}

// Leading returns the types of the leading parameters that Bind was given.
func (r *Row) Leading() []reflect.Type {
	if r.method == nil {
		return nil
	}
	return slices.Clone(r.method.leading)
}

// Sensitive reports whether an argument of the row is sensitive, by the key sensitive of its tag or
// of a field of its parameters. If so, nothing that came with a call may be printed; print
// [Redacted] instead.
func (r *Row) Sensitive() bool {
	return r.method != nil && slices.ContainsFunc(r.method.slots, func(s slot) bool { return s.hidden })
}

// Workers returns how many calls of the row run at once: as many as the service runs, or the row's
// max_workers if that is less. An entrypoint uses it as its prefetch.
func (r *Row) Workers() int {
	n := r.container.workers()
	for _, s := range r.workers {
		n = min(n, s.size)
	}
	return n
}

// Lenient reports whether members of objects may be missing in the arguments of the row, by the key
// lenient of its tag or by [Config].Lenient. If it returns false, an entrypoint that decodes
// arguments itself must require those members; a [signature.StrictValue] is already decoded by this
// rule.
func (r *Row) Lenient() bool { return r.lenient }

// Timeout returns the time limit for calls in the row's tag, or 0 if there is none.
func (r *Row) Timeout() time.Duration { return r.timeout }

// CallName returns the name of the method in calls, which is [Call].Method: get_order. It is ""
// before Bind.
func (r *Row) CallName() string {
	if r.method == nil {
		return ""
	}
	return r.method.sig.Name
}

// Kind returns where the row's calls come from, in one word: the package name of the row's type,
// such as rpc, events or timer, unless the type has a method Kind() string that returns another
// word.
func (r *Row) Kind() string { return r.kind }

// CallID returns the id of the call whose [Request].ID is last: orders.get_order.<last>.
func (r *Row) CallID(last string) string { return r.prefix + last }

// callID returns the id of a call, a new one if last is "".
func (r *Row) callID(last string) string {
	if last == "" {
		return id.New(r.prefix)
	}
	return r.CallID(last)
}

// Go runs fn in a goroutine that [Container.Stop] waits for. ctx ends when the container is killed,
// not when it begins to stop. fn must return once the row's entrypoint has stopped and the calls
// that fn has made have ended.
func (r *Row) Go(fn func(ctx context.Context)) { r.Host.Go(fn) }

// Apart calls fn in another goroutine and waits for it. Use it to run code of the service, such as
// the methods of an error, without risk for the calling goroutine. The error is a *[PanicError] if
// fn panicked, or [ErrExited] if fn ended its goroutine.
func (r *Row) Apart(fn func()) error { return r.container.pool.apart(fn) }

// Fail stops the container because of err, and returns at once. The error of [Container.Wait] names
// the service and the row. Only the first failure counts.
func (r *Row) Fail(err error) { r.Host.Fail(fmt.Errorf("%s: %w", r.where(), err)) }

// Logger returns the container's logger with the service and the row.
func (r *Row) Logger() *slog.Logger { return r.logger }

// LeftOut reports whether [Config].Only leaves the row out: it is bound, but never started.
func (r *Row) LeftOut() bool { return r.Host != r.container.host }

// where returns the row's name for error messages.
func (r *Row) where() string { return "service " + r.Service + ": " + r.Name }

// path returns the row's name in [Config].Only.
func (r *Row) path() string { return r.Service + "." + r.Name }

// readOptions reads the keys of the tag that every row may have.
func (r *Row) readOptions() error {
	var timeout, workers, lenient error
	r.lenient, lenient = r.Tag.Flag("lenient", r.container.cfg.Lenient)
	if text, ok := r.Tag.lookup("timeout"); ok {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			timeout = errors.New(`timeout: must be a positive duration, such as "5s"`)
		}
		r.timeout = d
	}
	if text, ok := r.Tag.lookup("max_workers"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			workers = errors.New("max_workers: must be an integer of at least 1")
		}
		r.workers = []*semaphore{newSemaphore(n), r.hosted.workers}
	}
	return errors.Join(timeout, workers, lenient, r.readIsolation(), r.readPermission())
}
