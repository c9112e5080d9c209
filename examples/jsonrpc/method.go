package jsonrpc

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/gomeko/gomeko/service"
)

// Method is an entrypoint row. Its tag has the method's signature in Python's syntax,
// `jsonrpc:"reset(to=0)"`, and the path to listen on, socket:"/run/counter.sock", in which $NAME is
// replaced by the environment variable. Rows with the same path share the socket.
type Method struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Method) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	sig, err := r.Bind(r.Tag.Get("jsonrpc"))
	path, pathErr := expand(r.Tag.Get("socket"))
	if err := errors.Join(r.Tag.Keys("jsonrpc", "socket"), err, pathErr); err != nil {
		return nil, err
	}
	all, err := service.Shared(r.Host, newServers)
	if err != nil {
		return nil, err
	}
	return all.serve(path, sig.Name, r)
}

// expand replaces $NAME and ${NAME} in a path with environment variables.
func expand(path string) (string, error) {
	var unset []string
	path = os.Expand(path, func(name string) string {
		value, ok := os.LookupEnv(name)
		if !ok && !slices.Contains(unset, name) {
			unset = append(unset, name)
		}
		return value
	})
	switch {
	case len(unset) > 0:
		return "", fmt.Errorf("socket: %v is not set in the environment", unset)
	case path == "":
		return "", errors.New(`the tag has no socket: add the path to listen on, as in socket:"/run/counter.sock"`)
	}
	return path, nil
}

// Describe says where the method is served: it implements [service.RowDescriber].
func (Method) Describe(r *service.Row) service.Description {
	return service.Description{Details: map[string]any{"socket": r.Tag.Get("socket")}}
}

// servers are the servers of one container, by path.
type servers map[string]*server

func newServers(*service.Host) (servers, error) { return servers{}, nil }

// serve adds a method to the server at path.
func (all servers) serve(path, method string, r *service.Row) (*server, error) {
	s := all[path]
	if s == nil {
		s = newServer(r.Host, path)
		all[path] = s
	}
	if other := s.methods[method]; other != nil {
		return nil, fmt.Errorf("method %q of %s is taken by the row %s of %s: give one of them another name",
			method, path, other.Name, other.Service)
	}
	s.methods[method] = r
	return s, nil
}
