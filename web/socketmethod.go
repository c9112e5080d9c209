package web

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/gomeko/gomeko/service"
)

// SocketMethod is a row of the entrypoint table: a method that is called by websocket, `web:"watch_order(order_id)"`. The
// tag is the method's signature on the wire, as Python would write it; arguments come by name. The method may take the
// [*Socket] after ctx, to subscribe it by the [Hub].
//
// The requests of one socket are run one at a time, in their order, and answered in it. A further key, at_once:"4", lets
// so many of the row's run at once for each socket, beside others, to be answered as they end. ctx ends when the socket
// is closed.
//
// All sockets of a process are at GET /ws, and reach all of its SocketMethods.
type SocketMethod struct{}

// A socketRow is one SocketMethod.
type socketRow struct {
	field   *service.Field
	leading bool // the method takes the socket
	atOnce  int  // how many run at once for a socket; 0: in the order of all such
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (SocketMethod) Entrypoint(f *service.Field) (service.Entrypoint, error) {
	row := &socketRow{field: f}
	var lead []reflect.Type
	socket := reflect.TypeFor[*Socket]()
	switch slices.Index(f.Params(), socket) {
	case -1:
	case 0:
		row.leading, lead = true, []reflect.Type{socket}
	default:
		return nil, errors.New("the socket is not the first parameter after ctx: write (ctx context.Context, s *web.Socket, …)")
	}
	signature, err := f.Bind(f.Tag("web"), lead...)
	if n := f.Tag("at_once"); n != "" {
		var bad error
		if row.atOnce, bad = strconv.Atoi(n); bad != nil || row.atOnce < 1 {
			err = errors.Join(err, fmt.Errorf(`at_once %q is no number from 1 on: write at_once:"4", or leave it out for one after the other`, n))
		}
	}
	if err := errors.Join(f.Keys("web", "at_once"), err); err != nil {
		return nil, err
	}
	shared, err := service.Shared(f.Host, newSocketServer)
	if err != nil {
		return nil, err
	}
	return shared.addMethod(signature.Name, row)
}
