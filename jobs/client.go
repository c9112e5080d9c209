package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/stub"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// A Client enqueues the jobs of one service. As a field of a service, it is bound to the service in
// its tag, such as `jobs:"images"`. A program that hosts no services gets one from
// [Enqueuer.Client]. Several goroutines may use it.
//
// As the blank field of a struct, it makes the struct a typed client: every other field is a func
// that enqueues the job named in its tag. The package comment shows one.
//
// If the tag also has outbox:"database", the Client enqueues jobs in the transaction of the call,
// which [UseTx] sets. Such a job runs only if the transaction is committed, soon after the commit,
// so [Ref.Wait] in the same call waits in vain.
type Client struct {
	service  string
	enqueuer *Enqueuer
	outbox   bool // jobs are enqueued in the transaction of the call
}

// Dependency binds the field: it implements [service.DependencyType].
func (Client) Dependency(f *service.Field) (any, error) {
	name, err := clientKind.Service(f.Tag, "outbox")
	sh, outboxErr := clientsOf(f.Host)
	if outboxErr != nil {
		return nil, errors.Join(err, outboxErr)
	}
	c := sh.Client(name)
	c.outbox, outboxErr = sh.outbox(f)
	err = errors.Join(err, outboxErr)
	if !clientKind.Typed(f.Type) {
		return c, err
	}
	v := reflect.New(f.Type).Elem()
	v.Set(reflect.ValueOf(f.Value()))
	err = errors.Join(err, c.bind(v)) // before the copy that Interface returns
	return v.Interface(), err
}

// Describe implements [service.FieldDescriber].
func (Client) Describe(f *service.Field) service.Description {
	return service.Description{Details: clientKind.Details(f, "jobs", func(tag string) string {
		name, _, _ := strings.Cut(tag, "(")
		return name
	})}
}

// errUnbound is the error of all methods of the zero Client.
var errUnbound = errors.New("jobs: the Client is not bound to a broker: it must be a field of a hosted service, or come from Enqueuer.Client")

// Enqueue enqueues the job called name. args are its positional arguments; the last of them may be
// a [codec.Object] with the keyword arguments, such as rpc.Kwargs. args may also contain any
// [Option]s:
//
//	ref, err := s.Images.Enqueue(ctx, "resize", url, rpc.Kwargs{"width", 300}, jobs.In(time.Hour))
//
// The job carries the call ids and the context data of ctx. Enqueue returns when the job is safe:
// when the store has its row or, without a store, when the broker has confirmed the message.
// Without a deadline in ctx, the limit is 30 s. After an error, the job may nevertheless have been
// enqueued.
func (c Client) Enqueue(ctx context.Context, name string, args ...any) (Ref[json.RawMessage], error) {
	r := request{service: c.service, name: name}
	for _, arg := range args {
		if o, ok := arg.(Option); ok {
			r.options = append(r.options, o)
		} else {
			r.args = append(r.args, arg)
		}
	}
	if last := len(r.args) - 1; last >= 0 {
		if object, ok := r.args[last].(codec.Object); ok {
			r.args, r.kwargs = r.args[:last], object
		}
	}
	h, err := c.enqueue(ctx, r)
	return Ref[json.RawMessage]{h}, err
}

func (c Client) enqueue(ctx context.Context, r request) (*handle, error) {
	if c.enqueuer == nil {
		return nil, errUnbound
	}
	r.outbox = c.outbox
	if r.name == "" || strings.ContainsAny(r.name, "(.") {
		return nil, fmt.Errorf("job %q of service %s: the name must be that in the row's tag, without its parameters", r.name, r.service)
	}
	return c.enqueuer.enqueue(ctx, r)
}

// clientKind is the kind of the clients of this package.
var clientKind = stub.Kind{Client: reflect.TypeFor[Client](), Key: "jobs", Example: `jobs:"images"`, Purpose: "that has the jobs"}

// Bind returns a typed client that enqueues through from. C is a struct of funcs with a blank field
// _ [Client]. The error has a line for each mistake in C, with the field and what to write instead.
// A service does not need Bind: it has the struct as a field.
func Bind[C any](from *Enqueuer) (C, error) {
	return stub.Bind[C](clientKind, func(service string, client reflect.Value) error {
		return from.Client(service).bind(client)
	})
}

// bind fills the nil funcs of a typed client, and checks all of them.
func (c Client) bind(client reflect.Value) error {
	_, err := stub.Fill(clientKind, client, func(f reflect.StructField, tag service.Tag) (*boundFunc, error) {
		return newFunc(c, f, tag)
	})
	return err
}

// A boundFunc is a func of a typed client, with the job that it enqueues and how it sends each
// argument.
type boundFunc struct {
	client  Client
	name    string
	queue   string
	params  stub.Params // after ctx and without the options
	options bool        // the last parameter is ...Option
	ref     refType     // nil: the func returns error alone
	typ     reflect.Type
}

var optionsType = reflect.TypeFor[[]Option]()

// A refType is a [Ref] of any type.
type refType interface{ with(h *handle) any }

func newFunc(c Client, f reflect.StructField, tag service.Tag) (*boundFunc, error) {
	spec := tag.Get("jobs")
	if spec == "" {
		return nil, errors.Join(tag.Keys("jobs", "queue"), errors.New(`the tag must name the job to enqueue, as in jobs:"resize"`))
	}
	fn := &boundFunc{client: c, queue: tag.Get("queue"), options: f.Type.IsVariadic() && f.Type.In(f.Type.NumIn()-1) == optionsType}
	sig, err := signature.Parse(spec)
	if err = errors.Join(tag.Keys("jobs", "queue"), fn.shape(f.Type), err); err != nil {
		return nil, err
	}
	fn.name = sig.Name
	types := make([]reflect.Type, 0, f.Type.NumIn())
	for i := 1; i < f.Type.NumIn(); i++ {
		types = append(types, f.Type.In(i))
	}
	if fn.options {
		types = types[:len(types)-1]
	}
	if fn.params, err = stub.NewParams(sig, spec, f.Type, types); c.enqueuer != nil {
		err = errors.Join(err, fn.params.Check(codec.Set{c.enqueuer.codec}))
	}
	return fn, err
}

// shape checks the first parameter and the results of a func.
func (fn *boundFunc) shape(t reflect.Type) error {
	const example = "write func(ctx context.Context, …, options ...jobs.Option) (jobs.Ref[T], error), where T is what the job's method returns"
	if !stub.TakesContext(t) {
		return errors.New("its first parameter is not context.Context: " + example)
	}
	if !stub.ReturnsError(t) {
		return errors.New("it does not return (jobs.Ref[T], error) or error: " + example)
	}
	if t.NumOut() == 2 {
		fn.typ = t.Out(0)
		if fn.ref, _ = reflect.Zero(fn.typ).Interface().(refType); fn.ref == nil {
			return fmt.Errorf("it returns %s, but the job has not run yet: %s", fn.typ, example)
		}
	}
	return nil
}

// Call enqueues the job. It implements the func.
func (fn *boundFunc) Call(in []reflect.Value) []reflect.Value {
	ctx, in := stub.Context(in), in[1:]
	r := request{service: fn.client.service, name: fn.name, queue: fn.queue}
	if fn.options {
		r.options, _ = in[len(in)-1].Interface().([]Option)
		in = in[:len(in)-1]
	}
	args, pairs, object := fn.params.Arguments(in)
	r.args, r.kwargs = args, object
	if object == nil && pairs != nil {
		r.kwargs = keywords(pairs)
	}
	h, err := fn.client.enqueue(ctx, r)
	switch {
	case fn.ref == nil:
		return []reflect.Value{stub.Error(err)}
	case err != nil:
		return []reflect.Value{reflect.Zero(fn.typ), stub.Error(err)}
	}
	return []reflect.Value{reflect.ValueOf(fn.ref.with(h)), stub.Error(nil)}
}

// keywords are alternating names and values. It is a [codec.Object].
type keywords []any

// Members returns the names and the values.
func (k keywords) Members() (names []string, values []any, err error) {
	for i := 0; i+1 < len(k); i += 2 {
		name, _ := k[i].(string)
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("argument %s is given twice", name)
		}
		names, values = append(names, name), append(values, k[i+1])
	}
	return names, values, nil
}
