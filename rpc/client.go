package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/service"
)

// A Client calls the methods of one service. As a field of a service, `rpc:"users"` names the service that it calls;
// a program that is no service gets one from [Conn.Client]. It may be used by several goroutines.
//
// As the blank field of a struct it makes that struct a typed client: every other field is a func, and calls the
// method in its tag. See the package on typed clients.
type Client struct {
	service string
	caller  *caller
}

// Dependency binds the field: it implements [service.DependencyType].
func (Client) Dependency(f *service.Field) (any, error) {
	name, err := serviceOf(f.Tag)
	h, shareErr := service.Shared(f.Host, newHub)
	if shareErr != nil {
		return nil, errors.Join(err, shareErr)
	}
	c := Client{service: name, caller: h.client()}
	if f.Type.Kind() != reflect.Struct || f.Type == clientType {
		return c, err
	}
	v := reflect.New(f.Type).Elem()
	v.Set(reflect.ValueOf(f.Value()))
	err = errors.Join(err, c.bind(v))
	return v.Interface(), err
}

// serviceOf returns the name of the service in the tag of a Client.
func serviceOf(tag service.Tag) (string, error) {
	name, err := tag.Get("rpc"), tag.Keys("rpc")
	if name == "" {
		err = errors.Join(err, errors.New(`no service is named: write the one to call, as in rpc:"users"`))
	}
	return name, err
}

// Call calls method and stores its result in the pointer result; nil drops it. args are positional; a [Kwargs] at
// the end are keywords. What the call runs within, its id and its context data, goes along from ctx.
//
// It ends at ctx's deadline, or after Config.Timeout if there is none, and the request carries what is left of it. [With]
// says otherwise. An error that the method returned is an [*Error]. The others are those of this package
// ([ErrUnknownService] and the ones beside it), ctx's, or what was wrong with args, in which case nothing was sent.
func (c Client) Call(ctx context.Context, method string, result any, args ...any) error {
	return c.call(ctx, method, result, requestOf(args))
}

// Go makes the same call without waiting for its reply (Nameko's call_async). It returns when the request was written:
// while the broker is away, or blocks publishers, it waits for it.
//
// The call ends as one by Call does. But its work may be meant to outlive the caller: the request carries a limit only if
// ctx has one, and when the method that made the call returns, the work goes on.
func (c Client) Go(ctx context.Context, method string, args ...any) *Reply {
	o := optionsOf(ctx)
	r := c.reply(method, o)
	if c.caller == nil {
		return r.fail(errUnbound)
	}
	ctx, cancel, asked := o.bound(ctx, c.caller.cfg)
	r.detached = true
	if !c.send(ctx, r, requestOf(args), o, asked) {
		cancel()
		return r
	}
	c.caller.watch(ctx, r, cancel)
	return r
}

func (c Client) call(ctx context.Context, method string, result any, q request) error {
	if c.caller == nil {
		return errUnbound
	}
	o := optionsOf(ctx)
	ctx, cancel, _ := o.bound(ctx, c.caller.cfg)
	defer cancel()
	r := c.reply(method, o)
	if c.send(ctx, r, q, o, true) {
		c.wait(ctx, r)
	}
	return r.read(result)
}

// wait waits for the end of the call r, which ctx's is at the latest.
func (c Client) wait(ctx context.Context, r *Reply) {
	defer service.Lend(ctx)() // until the end: it may be looked why there is no reply
	if !r.await(ctx) {
		c.caller.expire(ctx, r)
		<-r.done
	}
}

// errUnbound is the error of every call by the zero Client.
var errUnbound = errors.New("rpc: call by a Client that is bound to no connection: it is a field of a hosted service, or comes from Conn.Client")

func (c Client) reply(method string, o options) *Reply {
	r := &Reply{caller: c.caller, service: c.service, method: method, id: o.id, began: time.Now(), done: make(chan struct{})}
	if r.id == "" {
		r.id = id.New("")
	}
	return r
}

// send sends the request q of the call r, which carries what is left of ctx if it is limited. If it cannot, the call has
// ended, and send returns false.
func (c Client) send(ctx context.Context, r *Reply, q request, o options, limited bool) bool {
	r.codec = cmp.Or(o.codec, c.caller.codec)
	body, err := r.codec.Encode(q)
	if err != nil {
		r.fail(err)
		return false
	}
	p := c.caller.publishing(ctx, r, body)
	if cmp.Or(o.compress, c.caller.cfg.Compress) {
		p.Body, p.Headers["compression"] = codec.Deflate(body), codec.Zlib
	}
	var left time.Duration
	if r.deadline, _ = ctx.Deadline(); limited && !r.deadline.IsZero() {
		left = min(max(time.Until(r.deadline), time.Millisecond), longest) // 0 would be none
	}
	o.apply(&p, left)
	if err := c.caller.send(ctx, r, p); err != nil {
		r.fail(err)
		return false
	}
	return true
}

// requestOf takes the keywords from the end of args.
func requestOf(args []any) request {
	if last := len(args) - 1; last >= 0 {
		if _, ok := args[last].(Kwargs); ok {
			return newRequest(args[:last], args[last])
		}
	}
	return newRequest(args, nil)
}

// Kwargs are keyword arguments, names and values in turn, sent in this order: rpc.Kwargs{"name", "Julio", "count", 2}.
type Kwargs []any

// Members makes k an object: it implements [codec.Object]. A name that is no string, that comes twice or has no value
// is an error.
func (k Kwargs) Members() (names []string, values []any, err error) {
	if len(k)%2 != 0 {
		return nil, nil, fmt.Errorf("rpc.Kwargs: %d names and values, want as many of either", len(k))
	}
	seen := make(map[string]bool, len(k)/2)
	for i := 0; i < len(k); i += 2 {
		name, ok := k[i].(string)
		if !ok {
			return nil, nil, fmt.Errorf("rpc.Kwargs: %v (%T) stands for a name, want a string: names and values take turns", k[i], k[i])
		}
		if seen[name] {
			return nil, nil, fmt.Errorf("rpc.Kwargs: %s is given twice", name)
		}
		seen[name] = true
		names, values = append(names, name), append(values, k[i+1])
	}
	return names, values, nil
}
