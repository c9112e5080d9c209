package service

import (
	"fmt"
	"reflect"
	"strings"
)

type sharedValue struct {
	value any
	err   error
}

// Shared returns what all extensions of a container share by type: the first call makes
// it, later ones get the same. If it has Setup, Start, Stop or Kill (see [Entrypoint]), they are called: set up and started
// before the entrypoints, stopped after every call has ended; what make itself shares is started before and stopped after it.
//
// Errors of its steps are told as those of the package that the type is from: "rpc: connection refused".
//
// It is for Entrypoint and Dependency: once [New] has returned, only what was shared then is found.
func Shared[T any](c *Container, make func(*Container) (T, error)) (T, error) {
	key := reflect.TypeFor[T]()
	s, ok := c.sharedTypes[key]
	switch {
	case !ok && c.bound:
		s.err = fmt.Errorf("%s cannot be shared after the container is made", key)
	case !ok:
		v, err := make(c)
		s = sharedValue{v, err}
		c.sharedTypes[key] = s
		if err == nil {
			c.shared = append(c.shared, &managed{value: v, owner: owner(key)})
		}
	}
	v, _ := s.value.(T)
	return v, s.err
}

// owner is the package of a type, or what its name is without one.
func owner(t reflect.Type) string {
	name, _, _ := strings.Cut(strings.TrimLeft(t.String(), "*[]"), ".")
	return name
}
