package service

import (
	"fmt"
	"reflect"
)

type sharedValue struct {
	value any
	err   error
}

// Shared returns what all extensions of a container share by type: the first call makes
// it, later ones get the same. If it has Setup, Start, Stop or Kill (see [Entrypoint]), they are called: set up and started
// before the entrypoints, stopped after every call has ended; what make itself shares is started before and stopped after it.
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
			c.shared = append(c.shared, &managed{value: v, owner: key.String()})
		}
	}
	v, _ := s.value.(T)
	return v, s.err
}
