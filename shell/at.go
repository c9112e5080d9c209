package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/rpc"
)

// at implements n.rpc.orders.get.at("vm1/4711"): the same method, called in one instance. The
// beginning of the instance's name, up to a - or /, is enough if it is unique among the service's
// instances.
func (m method) at(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var given string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "instance", &given); err != nil {
		return nil, err
	}
	ctx := thread.Local(lineKey).(context.Context)
	instance, err := m.s.findInstance(ctx, m.service, given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(m.opaque), err)
	}
	m.opaque += opaque(fmt.Sprintf(".at(%q)", instance))
	m.instance = instance
	return m, nil
}

// to returns a ctx that directs a call to the method's instance.
func (m method) to(ctx context.Context) context.Context {
	if m.instance == "" {
		return ctx
	}
	return rpc.With(ctx, rpc.At(m.instance))
}

// findInstance returns the full name of an instance of a service.
func (s *Shell) findInstance(ctx context.Context, service, given string) (string, error) {
	if given == "" {
		return "", errors.New("which instance? n.services lists them")
	}
	if slices.Contains(s.directory.processes(service, 0), given) {
		return given, nil
	}
	answers, err := fleet.Survey(ctx, s.Conn, fleet.Question{Verb: "ping", Service: service, Wait: time.Second})
	if err != nil {
		return "", err
	}
	var all, fitting []string
	for _, a := range answers.Answers {
		all = append(all, printable.Text(a.Instance))
		rest, ok := strings.CutPrefix(a.Instance, given)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], "-/")) {
			fitting = append(fitting, a.Instance)
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1:
		return "", fmt.Errorf("%s fits several instances: %s", given, printable.Text(strings.Join(fitting, ", ")))
	case len(all) == 0:
		return "", fmt.Errorf("no instance of %s has answered: Nameko's processes in Python, and those with gomeko.control: off, cannot be called one by one", service)
	}
	return "", fmt.Errorf("%s has no instance %s; it has %s", service, given, strings.Join(all, ", "))
}
