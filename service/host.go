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

// A Host is a container as its extensions see it. [Lookup] finds their configuration in it, and
// [Shared] the values that they share.
type Host struct {
	container *Container
	shared    []*managed // in the order of creation: each comes after those it needs
	values    map[reflect.Type]sharedValue
	uses      map[reflect.Type]*use
	making    []*use // the values whose make runs, the innermost last
}

type sharedValue struct {
	value any
	err   error
}

// A use records which services use a shared value, directly or through another one.
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

// use records that the service being bound and the value being made use the shared value of a type.
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

// Names returns the names of the container's services. The list is complete when [New] has
// returned.
func (h *Host) Names() []string { return h.container.Names() }

// Rows returns the rows of all services, including those that [Config].Only leaves out. The list is
// complete when [New] has returned.
func (h *Host) Rows() []*Row { return h.container.Rows() }

// Type returns the type of the struct of a service of the container, or nil if there is no such
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

// Lent returns how many more calls of a service an entrypoint may accept while all its current ones
// are idle ([Watcher]): [Config].MaxLent.
func (h *Host) Lent() int {
	return max(0, cmp.Or(h.container.cfg.MaxLent, 10*h.Workers()))
}

// Context returns a context that ends when the container has stopped or is killed.
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
// it; later calls return the same value or the same error.
//
// If the value has any of the methods Setup, Start, Stop and Kill of an [Entrypoint], they are
// called: it is set up and started before the entrypoints, and stopped after every call has ended.
// Values that make itself shares are started before it and stopped after it. Errors of these
// methods are prefixed with the package of T: "rpc: connection refused".
//
// A value with none of these methods is also shared with the rows that [Config].Only leaves out.
// Those rows have their own instances of all other values, which are never started.
//
// If the value has a method Check(complete bool) error, [New] calls it once rows and fields are
// bound. Its errors are reported as mistakes in the services, and must say where they are. complete
// is false if a row or a field may be missing because of another mistake.
//
// Call Shared from Entrypoint or Dependency. After [New] has returned, it only finds values that
// are already shared, and returns an error for others.
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
// one. Unlike [Shared], it never makes one.
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

// hasSteps reports whether values of a type take part in starting and stopping a container.
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
