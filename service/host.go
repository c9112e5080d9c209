package service

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

// A Host is a container as its extensions see it: [Lookup] finds their configuration there, and
// [Shared] what they have in common.
type Host struct {
	container *Container
	shared    []*managed // in the order made, which is the order of need
	values    map[reflect.Type]sharedValue
	uses      map[reflect.Type]*use
	making    []*use // the values whose make runs, the innermost last
}

type sharedValue struct {
	value any
	err   error
}

// A use says which services use a shared value, directly or by another one.
type use struct {
	services []string
	needs    []*use
}

// add adds a service.
func (u *use) add(service string) {
	if service == "" || slices.Contains(u.services, service) {
		return
	}
	u.services = append(u.services, service)
	for _, n := range u.needs {
		n.add(service)
	}
}

// use notes that the service that is being bound, and the value that is being made, use the shared
// value of a type.
func (h *Host) use(t reflect.Type) *use {
	u := h.uses[t]
	if u == nil {
		u = new(use)
		h.uses[t] = u
	}
	u.add(h.container.binding)
	if n := len(h.making); n > 0 && h.making[n-1] != u {
		h.making[n-1].needs = append(h.making[n-1].needs, u)
	}
	return u
}

func newHost(c *Container) *Host {
	return &Host{container: c, values: make(map[reflect.Type]sharedValue), uses: make(map[reflect.Type]*use)}
}

// Names returns the names of the container's services. Until [New] returns there may be further
// ones.
func (h *Host) Names() []string { return h.container.Names() }

// Rows returns the rows of all services, also those that [Config].Only leaves out. Until [New]
// returns there may be further ones.
func (h *Host) Rows() []*Row { return h.container.Rows() }

// Type returns the type of the struct of a service of the container, nil if there is no such
// service.
func (h *Host) Type(service string) reflect.Type {
	for _, hosted := range h.container.hosted {
		if hosted.name == service {
			return hosted.proto.Type()
		}
	}
	return nil
}

// Instance returns the name of this process in the fleet: [Config].Instance, host/pid-xxxx by
// default.
func (h *Host) Instance() string { return h.container.cfg.Instance }

// Logger returns the container's logger.
func (h *Host) Logger() *slog.Logger { return h.container.Logger() }

// Workers returns how many calls each service runs at once.
func (h *Host) Workers() int { return h.container.workers() }

// Lent returns how many further calls of a service an entrypoint may take on while all that it has
// taken on are idle ([Watcher]): [Config].MaxLent.
func (h *Host) Lent() int {
	return max(0, cmp.Or(h.container.cfg.MaxLent, 10*h.Workers()))
}

// Context returns the context of the container's life. It ends when the container has stopped, or
// is killed.
func (h *Host) Context() context.Context { return h.container.life }

// Stopping returns a channel that is closed when the container begins to stop, for whatever reason.
func (h *Host) Stopping() <-chan struct{} { return h.container.stopping }

// Go runs fn in a goroutine that [Container.Stop] waits for; see [Row.Go].
func (h *Host) Go(fn func(ctx context.Context)) {
	h.container.spawn(fn)
}

// Fail stops the container because of err, and returns at once; see [Row.Fail].
func (h *Host) Fail(err error) { h.container.fail(err) }

// Shared returns the value of type T that the extensions of a container share. The first call makes
// it, and later calls return the same value, or the same error.
//
// The optional methods of an [Entrypoint], and Start and Stop too, are called if the value has
// them: it is set up and started before the entrypoints, and stopped after every call has ended.
// Values that make shares in turn are started before it, and stopped after it. An error of a step
// names the package of T: "rpc: connection refused".
//
// A value with none of these methods is not started. The rows that [Config].Only leaves out share
// it too; of other values they share their own, which are never started.
//
// If the value has the method Check(complete bool) error, [New] calls it when rows and fields are
// bound. Its errors are mistakes in the services, and must say where. complete is false if a row or
// a field may be missing because of another mistake.
//
// Shared is called by Entrypoint and Dependency. Once [New] has returned, it finds only what is
// shared already.
func Shared[T any](h *Host, make func(*Host) (T, error)) (T, error) {
	key := reflect.TypeFor[T]()
	if !hasSteps(key) {
		h = h.container.host
	}
	s, ok := h.values[key]
	used := h.use(key)
	switch {
	case !ok && h.container.bound:
		s.err = fmt.Errorf("%s cannot be shared after service.New has returned", key)
	case !ok:
		h.making = append(h.making, used)
		v, err := make(h)
		h.making = h.making[:len(h.making)-1]
		s = sharedValue{v, err}
		h.values[key] = s
		if err == nil {
			h.shared = append(h.shared, &managed{value: v, owner: owner(key), use: used})
		}
	}
	v, _ := s.value.(T)
	return v, s.err
}

// Sharing returns the value of type T that extensions of the container share, and whether there is
// one. Unlike [Shared], it makes none.
func Sharing[T any](h *Host) (value T, ok bool) {
	key := reflect.TypeFor[T]()
	if !hasSteps(key) {
		h = h.container.host
	}
	s, ok := h.values[key]
	if !ok || s.err != nil {
		return value, false
	}
	value, ok = s.value.(T)
	return value, ok
}

// hasSteps reports whether values of a type take part in the start and the stop of a container.
func hasSteps(t reflect.Type) bool {
	return slices.ContainsFunc([]string{"Setup", "Start", "Stop", "Kill"}, func(step string) bool {
		_, ok := t.MethodByName(step)
		return ok
	})
}

// owner returns the package of a type, or the name of a type that has none.
func owner(t reflect.Type) string {
	name, _, _ := strings.Cut(strings.TrimLeft(t.String(), "*[]"), ".")
	return name
}
