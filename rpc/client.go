package rpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
)

// A Client calls the methods of one service. As a field of a service, its tag `rpc:"users"` names
// the service that it calls. A program that hosts no services gets one from [Caller.Client].
// Several goroutines may use it.
//
// As the blank field of a struct, Client makes the struct a typed client: every other field is a
// func that calls the method in its tag. See Typed clients in the package comment.
type Client struct {
	service string
	caller  *Caller
}

// Dependency binds the field: it implements [service.DependencyType].
func (Client) Dependency(f *service.Field) (any, error) {
	name, err := clientKind.Service(f.Tag)
	sh, shareErr := service.Shared(f.Host, newShared)
	if shareErr != nil {
		return nil, errors.Join(err, shareErr)
	}
	c := Client{service: name, caller: sh.client()}
	if !clientKind.Typed(f.Type) {
		return c, err
	}
	v := reflect.New(f.Type).Elem()
	v.Set(reflect.ValueOf(f.Value()))
	stubs, bindErr := c.bind(v)
	for _, s := range stubs {
		sh.expected = append(sh.expected, expectation{"service " + f.Service + ": " + f.Name + ": " + s.field, name, s.method})
	}
	return v.Interface(), errors.Join(err, bindErr)
}

// Describe implements [service.FieldDescriber].
func (Client) Describe(f *service.Field) service.Description {
	return service.Description{Details: clientKind.Details(f, "methods", func(tag string) string { return tag })}
}

// Call calls method and stores the result in the value that result points to; if result is nil, it
// drops the result. args are the positional arguments, and may end with a [Kwargs] that has the
// keyword arguments. A map[string]any at the end is one more positional argument, a dict. The
// call's id and context data are taken from ctx.
//
// The call ends at ctx's deadline, or after [Config].Timeout if ctx has none, and the request
// carries the time left. [With] sets other options. An error that the method returned is an
// [*Error]. Any other error is one of this package, such as [ErrUnknownService], ctx's error, or a
// mistake in args; after a mistake in args nothing was sent.
func (c Client) Call(ctx context.Context, method string, result any, args ...any) error {
	return c.call(ctx, method, result, requestOf(args), spellingOf(args))
}

// Go makes the same call but does not wait for the reply (Nameko's call_async). It returns once the
// request is written, and blocks while the broker is away or blocks publishers.
//
// The call ends as with Call, except that its work may outlive the caller: the request carries a
// limit only if ctx or an option sets one, and the work goes on when the method that made the call
// returns.
func (c Client) Go(ctx context.Context, method string, args ...any) *Reply {
	o := optionsOf(ctx)
	if c.caller == nil {
		r := &Reply{service: c.service, method: method, done: make(chan struct{})}
		return r.fail(errUnbound)
	}
	r := c.caller.newReply(c.service, method, o.id)
	ctx, cancel, asked := o.bound(ctx, c.caller.cfg)
	r.detached, r.spelling, r.cancel = true, spellingOf(args), cancel
	if !c.caller.send(ctx, r, requestOf(args), o, asked) {
		cancel()
		r.observeEnd()
		return r
	}
	c.caller.watch(ctx, r, cancel)
	return r
}

func (c Client) call(ctx context.Context, method string, result any, body requestBody, spelling string) error {
	if c.caller == nil {
		return errUnbound
	}
	if err := checkResult(c.service, method, result); err != nil {
		return err
	}
	o := optionsOf(ctx)
	ctx, cancel, _ := o.bound(ctx, c.caller.cfg)
	defer cancel()
	r := c.caller.newReply(c.service, method, o.id)
	r.spelling, r.cancel = spelling, cancel
	if c.caller.send(ctx, r, body, o, true) {
		c.caller.wait(ctx, r)
	}
	err := r.read(ctx, result)
	r.tell(err)
	return err
}

// checkResult returns an error if result cannot hold the result of a call. It is checked before the
// call, which would otherwise run in vain.
func checkResult(service, method string, result any) error {
	if result == nil {
		return nil
	}
	if err := codec.CheckPointer(result); err != nil {
		return fmt.Errorf("%s.%s: result: %w", service, method, err)
	}
	return nil
}

// errUnbound is the error of every call by the zero Client.
var errUnbound = errors.New("rpc: the Client is not bound to a connection: it must be a field of a hosted service, or come from Caller.Client")

// requestOf returns the body of a request with args, whose last element may be a [Kwargs].
func requestOf(args []any) requestBody {
	if last := len(args) - 1; last >= 0 {
		if _, ok := args[last].(Kwargs); ok {
			return newRequestBody(args[:last], args[last])
		}
	}
	return newRequestBody(args, nil)
}

// A requestBody is the body of a request: see docs/wire/nameko.md, Requests.
type requestBody struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"` // encoded as an object
}

func newRequestBody(args []any, kwargs any) requestBody {
	if args == nil {
		args = []any{}
	}
	if kwargs == nil {
		kwargs = Kwargs(nil)
	}
	return requestBody{args, kwargs}
}

// Kwargs are keyword arguments: alternating names and values, sent in this order, as in
// rpc.Kwargs{"name", "Julio", "count", 2}.
type Kwargs []any

// Members returns k as the members of an object: it implements [codec.Object]. It is an error if a
// name is not a string, appears twice or has no value.
func (k Kwargs) Members() (names []string, values []any, err error) {
	if len(k)%2 != 0 {
		return nil, nil, fmt.Errorf(`rpc.Kwargs: the last name, %v, has no value: write pairs, as in rpc.Kwargs{"name", "Julio"}`, k[len(k)-1])
	}
	seen := make(map[string]bool, len(k)/2)
	for i := 0; i < len(k); i += 2 {
		name, ok := k[i].(string)
		if !ok {
			return nil, nil, fmt.Errorf("rpc.Kwargs: %v (%T) is not a name: write names and values alternately", k[i], k[i])
		}
		if seen[name] {
			return nil, nil, fmt.Errorf("rpc.Kwargs: %s is given twice", name)
		}
		seen[name] = true
		names, values = append(names, name), append(values, k[i+1])
	}
	return names, values, nil
}
