package rpc

import (
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/transport"
)

// A reply is the body of a reply message: both keys are always present. See docs/wire/nameko.md, Replies.
type reply struct {
	Result any    `json:"result"`
	Error  *Error `json:"error"`
}

// encodeReply returns the body that tells the outcome of a call. It cannot fail, whatever the method has returned.
func encodeReply(c codec.Codec, result any, err error) (body []byte) {
	body, cannot := encode(c, result, err)
	if cannot != nil {
		body, _ = c.Encode(reply{Error: unserializable(result, err, cannot)})
	}
	return body
}

// encode runs code of the method's: MarshalJSON of its result, Error of its error. A panic there is not ours.
func encode(c codec.Codec, result any, err error) (body []byte, cannot error) {
	defer func() {
		if p := recover(); p != nil {
			cannot = fmt.Errorf("panic: %v", p)
		}
	}()
	if err != nil {
		return c.Encode(reply{Error: AsError(err)})
	}
	return c.Encode(reply{Result: result})
}

// readReply stores the result in d in the pointer result, or returns the error that d tells. The request's codec is the
// reply's, unless that says another.
func readReply(d *transport.Delivery, c codec.Codec, limit int, result any) error {
	codecs := codec.Set{c}
	if codecs.Of(d.ContentType) == nil {
		codecs = transport.Config{Codec: c}.Accepts()
	}
	if codecs.Of(d.ContentType) == nil {
		return fmt.Errorf("reply has content_type %q, want %s", d.ContentType, codecs.String())
	}
	c, body, err := codecs.Open(codec.Body{ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, Headers: d.Headers, Data: d.Body}, max(limit, len(d.Body)))
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	members, err := codec.Split(c).Map(body)
	if err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	var value []byte
	for _, m := range members {
		switch m.Name {
		case "error":
			if err := readError(c, m.Value); err != nil {
				return err
			}
		case "result":
			value = m.Value
		}
	}
	if result == nil {
		return nil
	}
	if value == nil {
		return errors.New("reply has neither result nor error")
	}
	if err := c.Decode(value, result); err != nil {
		return fmt.Errorf("result does not fit %T: %w", result, err)
	}
	return nil
}

// readError returns the error of a reply, nil if there is none: null, or {}, as Nameko reads it.
func readError(c codec.Codec, data []byte) error {
	if codec.Split(c).Kind(data) == codec.KindNull {
		return nil
	}
	var what any
	if err := c.Decode(data, &what); err != nil {
		return fmt.Errorf("reply: error: %w", err)
	}
	if fields, ok := what.(map[string]any); ok && len(fields) == 0 {
		return nil
	}
	e := &Error{remote: true}
	if err := c.Decode(data, e); err != nil {
		return fmt.Errorf("reply: error: %w", err)
	}
	return e
}
