package web

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// SocketMethod is an entrypoint row whose method is called over a websocket. Its tag is the
// method's signature on the wire, in Python's syntax; arguments are passed by name:
//
//	Watch web.SocketMethod `web:"watch_order(order_id)"`
//
// The method may take a [*Socket] as its first parameter after ctx, whose ID it passes to the
// functions of a [Hub]. ctx ends when the socket is closed.
//
// The requests of one socket run one at a time and are answered in order. With the tag key
// at_once:"4", up to four requests of the row run at once for each socket, independently of its
// other requests; each is answered when it has finished.
//
// Clients connect with GET /ws, which serves the SocketMethods of all services of the process.
type SocketMethod struct{}

// Kind returns "socket", for [service.Row.Kind].
func (SocketMethod) Kind() string { return "socket" }

// A socketRow is the row of a SocketMethod.
type socketRow struct {
	*service.Row
	socket bool // the method takes the *Socket
	atOnce int  // how many requests run at once for a socket; 0 means in order with those of other such rows
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (SocketMethod) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	row := &socketRow{Row: r}
	var leading []reflect.Type
	socket := reflect.TypeFor[*Socket]()
	switch slices.Index(r.Params(), socket) {
	case -1:
	case 0:
		row.socket, leading = true, []reflect.Type{socket}
	default:
		return nil, errors.New("the *web.Socket must be the first parameter after ctx: write (ctx context.Context, s *web.Socket, …)")
	}
	sig, err := r.Bind(r.Tag.Get("web"), leading...)
	if n := r.Tag.Get("at_once"); n != "" {
		var bad error
		if row.atOnce, bad = strconv.Atoi(n); bad != nil || row.atOnce < 1 {
			err = errors.Join(err, fmt.Errorf(`at_once %q must be an integer of at least 1: write at_once:"4", or remove it to run one request at a time`, n))
		}
	}
	if err := errors.Join(r.Tag.Keys("web", "at_once"), err); err != nil {
		return nil, err
	}
	shared, err := service.Shared(r.Host, newSocketServer)
	if err != nil {
		return nil, err
	}
	if err := row.checkTypes(sig, shared.hub.codec); err != nil {
		return nil, err
	}
	return shared.addMethod(sig.Name, row)
}

// checkTypes returns an error for each argument that can never be decoded, and one if the codec
// results can never encode the method's result.
func (r *socketRow) checkTypes(sig *signature.Signature, results codec.Codec) error {
	var mistakes []error
	for _, p := range sig.Params {
		mistakes = append(mistakes, codec.Set{codec.JSON}.CheckDecode("parameter", p.Name, p.Type))
	}
	if t := r.Result(); t != nil {
		mistakes = append(mistakes, codec.Set{results}.CheckEncode("result", "", t))
	}
	return errors.Join(mistakes...)
}
