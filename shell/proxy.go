package shell

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
)

// opaque is embedded in the values behind n. They have a name, are true, and cannot be keys of
// dicts.
type opaque string

func (o opaque) String() string        { return "<" + string(o) + ">" }
func (o opaque) Type() string          { return string(o) }
func (o opaque) Freeze()               {}
func (o opaque) Truth() starlark.Bool  { return true }
func (o opaque) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", string(o)) }

// nameko is n.
type nameko struct {
	opaque
	s *Shell
}

func (n nameko) AttrNames() []string {
	return []string{"config", "data", "dispatch_event", "rpc", "services"}
}

func (n nameko) Attr(name string) (starlark.Value, error) {
	switch name {
	case "rpc":
		return services{"n.rpc", n.s}, nil
	case "dispatch_event":
		return starlark.NewBuiltin("dispatch_event", n.dispatchEvent), nil
	case "config":
		return configured(n.s.Config), nil
	case "data":
		return n.s.data, nil
	case "services":
		if n.s.completing {
			return newTable(nil), nil
		}
		return n.s.listServices(n.s.line)
	}
	return nil, starlark.NoSuchAttrError(fmt.Sprintf("n has no %s; it has rpc, services, dispatch_event, data and config", name))
}

// dispatchEvent implements n.dispatch_event("users", "user_deleted", {"id": 7}), as in Nameko. It
// succeeds even if nobody handles the event.
func (n nameko) dispatchEvent(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var service, event string
	var data starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "service_name", &service, "event_type", &event, "event_data", &data); err != nil {
		return nil, err
	}
	payload, err := encode(data)
	if err != nil {
		return nil, fmt.Errorf("event_data: %w", err)
	}
	ctx, err := n.s.withData(thread.Local(lineKey).(context.Context))
	if err != nil {
		return nil, err
	}
	return starlark.None, events.NewDispatcher(n.s.Conn, service)(ctx, event, payload)
}

// services is n.rpc. It has a service for every name, as n.rpc.orders or n.rpc["a.b"].
type services struct {
	opaque
	s *Shell
}

func (v services) AttrNames() []string { return v.s.directory.services(completionTime) }

func (v services) Attr(name string) (starlark.Value, error) {
	return service{opaque("n.rpc." + name), v.s, name}, nil
}

func (v services) Get(key starlark.Value) (starlark.Value, bool, error) {
	name, ok := key.(starlark.String)
	if !ok || name == "" {
		return nil, false, fmt.Errorf(`n.rpc[%s]: a service's name must be a string, as in n.rpc["a.b"]`, repr(key))
	}
	return service{opaque(fmt.Sprintf("n.rpc[%s]", repr(key))), v.s, string(name)}, true, nil
}

// service is n.rpc.orders. It has a method for every name.
type service struct {
	opaque
	s    *Shell
	name string
}

func (v service) AttrNames() []string { return v.s.directory.methods(v.name, completionTime) }

func (v service) Attr(name string) (starlark.Value, error) {
	return method{opaque: opaque(string(v.opaque) + "." + name), s: v.s, service: v.name, name: name}, nil
}

// method is n.rpc.orders.get_order.
type method struct {
	opaque
	s             *Shell
	service, name string
	instance      string // that is called; "" is any
}

func (m method) Name() string        { return string(m.opaque) }
func (m method) AttrNames() []string { return []string{"at", "bench", "call_async"} }

func (m method) Attr(name string) (starlark.Value, error) {
	switch name {
	case "at":
		return starlark.NewBuiltin(name, m.at).BindReceiver(m), nil
	case "bench":
		return starlark.NewBuiltin(name, m.bench).BindReceiver(m), nil
	case "call_async":
		return starlark.NewBuiltin(name, m.callAsync).BindReceiver(m), nil
	}
	return nil, starlark.NoSuchAttrError(fmt.Sprintf(
		"%s is a method and has no %s; write a service with a dot in its name as n.rpc[%q]", string(m.opaque), name, m.service+"."+m.name))
}

// CallInternal implements starlark.Callable.
func (m method) CallInternal(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sent, err := arguments(args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(m.opaque), err)
	}
	result, err := m.call(thread, sent)
	m.learn(err)
	return result, err
}

func (m method) callAsync(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sent, err := arguments(args, kwargs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(m.opaque), err)
	}
	session, err := m.s.withData(thread.Local(sessionKey).(context.Context))
	if err != nil {
		return nil, err
	}
	return &reply{"reply of " + m.opaque, m, m.s.Caller.Client(m.service).Go(m.to(session), m.name, sent...)}, nil
}

// learn adds the service and the method to the completions, unless err says that they do not exist.
func (m method) learn(err error) {
	switch {
	case errors.Is(err, rpc.ErrUnknownService):
	case errors.Is(err, rpc.ErrMethodNotFound):
		m.s.directory.add(m.service, "")
	default:
		m.s.directory.add(m.service, m.name)
	}
}

// arguments encodes the arguments of a call, with keywords in their order.
func arguments(args starlark.Tuple, kwargs []starlark.Tuple) ([]any, error) {
	var sent []any
	for i, arg := range args {
		value, err := encode(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		sent = append(sent, value)
	}
	var named rpc.Kwargs
	for _, kwarg := range kwargs {
		name := string(kwarg[0].(starlark.String))
		value, err := encode(kwarg[1])
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", name, err)
		}
		named = append(named, name, value)
	}
	if named != nil {
		sent = append(sent, named)
	}
	return sent, nil
}

// reply is the value of call_async.
type reply struct {
	opaque
	method method
	reply  *rpc.Reply
}

func (r *reply) AttrNames() []string { return []string{"result"} }

func (r *reply) Attr(name string) (starlark.Value, error) {
	if name != "result" {
		return nil, starlark.NoSuchAttrError(fmt.Sprintf("a reply has no %s; it has result()", name))
	}
	return starlark.NewBuiltin("result", r.result), nil
}

// result waits for the reply. It may be called repeatedly.
func (r *reply) result(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	var result json.RawMessage
	err := r.reply.Result(thread.Local(lineKey).(context.Context), &result)
	r.method.learn(err)
	if err != nil {
		return nil, err
	}
	return decode(result)
}
