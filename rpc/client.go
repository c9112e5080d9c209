package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
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
	name, err := serviceOf(f)
	h, shareErr := service.Shared(f.Host, newHub)
	if shareErr != nil {
		return nil, errors.Join(err, shareErr)
	}
	c := Client{service: name, caller: h.client()}
	if f.Type.Kind() != reflect.Struct || f.Type == clientType {
		return c, err
	}
	fields, malformed := service.Fields(f.Type)
	if malformed != nil {
		return nil, errors.Join(err, malformed)
	}
	v := reflect.New(f.Type).Elem()
	v.Set(reflect.ValueOf(f.Value()))
	err = errors.Join(err, c.bind(v, fields))
	return v.Interface(), err
}

// serviceOf returns the name of the service in the tag of a Client.
func serviceOf(f *service.Field) (string, error) {
	name, err := f.Tag("rpc"), f.Keys("rpc")
	if name == "" {
		err = errors.Join(err, errors.New(`no service is named: write the one to call, as in rpc:"users"`))
	}
	return name, err
}

// Call calls method and stores its result in the pointer result; nil drops it. args are positional; a [Kwargs] at
// the end are keywords. What the call runs within, its id and its context data, goes along from ctx.
//
// It ends at ctx's deadline, or after Config.Timeout if there is none, and the request carries what is left of it.
// An error that the method returned is an [*Error]. The others are those of this package ([ErrUnknownService] and the ones
// beside it), ctx's, or what was wrong with args, in which case nothing was sent.
func (c Client) Call(ctx context.Context, method string, result any, args ...any) error {
	if last := len(args) - 1; last >= 0 {
		if kwargs, ok := args[last].(Kwargs); ok {
			return c.call(ctx, method, result, newRequest(args[:last], kwargs))
		}
	}
	return c.call(ctx, method, result, newRequest(args, nil))
}

func (c Client) call(ctx context.Context, method string, result any, r request) error {
	name := c.service + "." + method
	if c.caller == nil {
		return errors.New("rpc: call by a Client that is bound to no connection: it is a field of a hosted service, or comes from Conn.Client")
	}
	body, err := transport.JSON.Encode(r)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	began := time.Now()
	ctx, cancel := c.caller.cfg.limit(ctx)
	defer cancel()
	d, err := c.caller.call(ctx, name, body)
	var returned *transport.Returned
	switch {
	case errors.As(err, &returned):
		unknown := ErrUnknownService.about("Unknown service `" + c.service + "`")
		unknown.Args = []any{c.service}
		return unknown
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut(fmt.Sprintf("%s: %v after %s", name, err, time.Since(began).Round(time.Millisecond)))
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	var remote *Error
	if err = readReply(d, result); err == nil || errors.As(err, &remote) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Kwargs are keyword arguments, names and values in turn, sent in this order: rpc.Kwargs{"name", "Julio", "count", 2}.
type Kwargs []any

// MarshalJSON encodes k as an object. A name that is no string, that comes twice or has no value is an error.
func (k Kwargs) MarshalJSON() ([]byte, error) {
	if len(k)%2 != 0 {
		return nil, fmt.Errorf("rpc.Kwargs: %d names and values, want as many of either", len(k))
	}
	seen := make(map[string]bool, len(k)/2)
	var out bytes.Buffer
	out.WriteByte('{')
	for i := 0; i < len(k); i += 2 {
		name, ok := k[i].(string)
		if !ok {
			return nil, fmt.Errorf("rpc.Kwargs: %v (%T) stands for a name, want a string: names and values take turns", k[i], k[i])
		}
		if seen[name] {
			return nil, fmt.Errorf("rpc.Kwargs: %s is given twice", name)
		}
		seen[name] = true
		value, err := transport.JSON.Encode(k[i+1])
		if err != nil {
			return nil, fmt.Errorf("rpc.Kwargs: %s: %w", name, err)
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(encoded(name))
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}
