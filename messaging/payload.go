package messaging

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/methodname"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// bind binds the row's method in one of the forms of [Subscribe], and returns whether it is told what about is of, and the
// type of its payload, nil if it takes none.
func bind(r *service.Row, about reflect.Type) (told bool, payload reflect.Type, err error) {
	name, params := methodname.Of(r), r.Params()
	switch {
	case slices.Equal(params, []reflect.Type{about}):
		_, err = r.Bind(name+"()", about)
		return true, nil, err
	case len(params) == 2 && params[0] == about:
		_, err = r.Bind(name+"(payload)", about)
		return true, params[1], err
	case len(params) == 1:
		_, err = r.Bind(name + "(payload)")
		return false, params[0], err
	}
	return false, nil, unfit(r, name, params, about)
}

// unfit says what is wrong with a method that has no payload, or several, or that is not there.
func unfit(r *service.Row, name string, params []reflect.Type, about reflect.Type) error {
	list := make([]string, len(params))
	for i := range list {
		list[i] = fmt.Sprintf("p%d", i)
	}
	if _, err := r.Bind(name + "(" + strings.Join(list, ", ") + ")"); err != nil && len(params) > 0 {
		return err
	} else if err != nil {
		_, err = r.Bind(name + "(payload)") // whose remedy has one
		return err
	}
	return fmt.Errorf("%s takes %v after ctx, and a message has one payload: write %[1]s(ctx context.Context, payload T) error, or with %[3]s ahead of the payload",
		r.Method, params, about)
}

// An unreadableError says why a message is no call: its body cannot be decoded, or not into the method's type.
type unreadableError struct {
	why  error
	body []byte // inflated, if that went well
}

func (e *unreadableError) Error() string { return e.why.Error() }
func (e *unreadableError) Unwrap() error { return e.why }

// read decodes the payload of d into the method's type.
func (s *subscriber) read(d *transport.Delivery) (args signature.Arguments, err error) {
	if s.payload == nil {
		return args, nil
	}
	conn := s.shared.connection.Conn()
	c, body, err := conn.Accepts().Open(d.Encoded(), conn.MaxMessage())
	if err != nil {
		return args, &unreadableError{err, d.Body}
	}
	v := reflect.New(s.payload)
	if err := decode(c, body, v.Interface()); err != nil {
		return args, &unreadableError{fmt.Errorf("payload: %w", err), body}
	}
	args.Positional = []signature.Value{payload(v.Elem())}
	return args, nil
}

// decode runs code of the method's types: UnmarshalJSON, UnmarshalText. A panic there is not ours.
func decode(c codec.Codec, body []byte, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", p))
		}
	}()
	return c.Decode(body, v)
}

// A payload is decoded already.
type payload reflect.Value

// Decode implements [signature.Value].
func (p payload) Decode(to any) error {
	reflect.ValueOf(to).Elem().Set(reflect.Value(p))
	return nil
}
