package rpc

import (
	"errors"

	"github.com/gomeko/gomeko/service"
)

// Method is a row of the entrypoint table: a method that is called by RPC, `rpc:"get_order(order_id)"`. The tag is the
// method's signature on the wire, as Python would write it.
//
// All methods of a service share the queue rpc-<service>, and all processes that host the service share it too: each
// request goes to one of them.
type Method struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Method) Entrypoint(f *service.Field) (service.Entrypoint, error) {
	keys := f.Keys("rpc")
	signature, err := f.Bind(f.Tag("rpc"))
	if err = errors.Join(keys, err); err != nil {
		return nil, err
	}
	h, err := service.Shared(f.Host, newHub)
	if err != nil {
		return nil, err
	}
	return h.serve(signature.Name, f)
}
