package rpc

import (
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc/rpcerror"
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
		body = encodeUnserializable(c, result, err, cannot)
	}
	return body
}

// encodeUnserializable returns the body of the reply to a call whose outcome cannot be sent.
func encodeUnserializable(c codec.Codec, result any, err, why error) (body []byte) {
	if err != nil {
		result = err
	}
	body, _ = c.Encode(reply{Error: rpcerror.NewUnserializable(result, why)})
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
		return c.Encode(reply{Error: rpcerror.From(err)})
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
			failure, err := rpcerror.Decode(c, m.Value)
			if err != nil {
				return fmt.Errorf("reply: error: %w", err)
			}
			if failure != nil {
				return failure
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
