package isolate

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
)

// A callHead is the head of a callKind frame. The body has the arguments, followed by the context
// data in gob unless it is in Texts.
type callHead struct {
	ID          string            `json:"id"`
	Parents     []string          `json:"parents,omitempty"`
	Texts       map[string]string `json:"texts,omitempty"` // the context data if all of it is text
	Redelivered bool              `json:"redelivered,omitempty"`
	Attempt     int               `json:"attempt"`
	Grant       string            `json:"grant,omitempty"`
	Left        time.Duration     `json:"left,omitempty"` // until the deadline; 0 means none
	Level       slog.Level        `json:"level"`          // the lowest level that is logged
	Result      string            `json:"result"`         // the content type of the result

	Positional []argument        `json:"positional,omitempty"`
	More       int               `json:"more,omitempty"`
	Keyword    []argument        `json:"keyword,omitempty"`
	Leading    []json.RawMessage `json:"leading,omitempty"`
	Data       int               `json:"data,omitempty"` // size of the context data in the body
}

// An argument describes one argument in the body of the frame.
type argument struct {
	Name string `json:"name,omitempty"`
	Type string `json:"type"` // its content type
	Size int    `json:"size"`
}

// An encoding is a [service.Input] that says how the result of its call will be encoded.
type encoding interface{ ResultCodec() codec.Codec }

// registerData registers with gob the types of context data other than basic ones.
var registerData = sync.OnceFunc(func() {
	for _, v := range []any{time.Time{}, []any{}, map[string]any{}} {
		gob.Register(v)
	}
})

// encodeCall returns the frame for a call, and the codec of its result.
func encodeCall(ctx context.Context, call *service.IsolatedCall, level slog.Level, codecs codec.Set) (f frame, result codec.Codec, err error) {
	h := callHead{
		ID:          strings.TrimPrefix(call.ID, call.Entry.CallID("")),
		Parents:     call.Parents,
		Redelivered: call.Redelivered,
		Attempt:     call.Attempt,
		Grant:       call.Grant,
		Level:       level,
		More:        call.Arguments.More,
	}
	if at, ok := ctx.Deadline(); ok {
		h.Left = max(1, time.Until(at))
	}
	result = codec.TypedJSON
	if in, ok := call.Input.(encoding); ok {
		result = in.ResultCodec()
		if codecOf(codecs, result.ContentType()) == nil { // a codec that can only encode: use JSON
			result = codec.JSON
		}
	}
	h.Result = result.ContentType()
	var body []byte
	add := func(name string, v signature.Value) argument {
		encoded, failed := encodeArgument(v)
		err = errors.Join(err, failed)
		body = append(body, encoded.Data...)
		return argument{name, encoded.Codec.ContentType(), len(encoded.Data)}
	}
	for _, v := range call.Arguments.Positional {
		h.Positional = append(h.Positional, add("", v))
	}
	for _, kw := range call.Arguments.Keyword {
		h.Keyword = append(h.Keyword, add(kw.Name, kw.Value))
	}
	for _, v := range call.Leading {
		text, failed := json.Marshal(v)
		h.Leading, err = append(h.Leading, text), errors.Join(err, failed)
	}
	var data []byte
	var failed error
	h.Texts, data, failed = encodeData(service.Data(ctx))
	if err = errors.Join(err, failed); err != nil {
		return frame{}, nil, err
	}
	h.Data = len(data)
	f, err = newFrame(callKind, h, append(body, data...))
	return f, result, err
}

// encodeArgument returns an argument in the encoding that it has already, or in JSON.
func encodeArgument(v signature.Value) (*codec.Encoded, error) {
	if e, ok := v.(*codec.Encoded); ok {
		return e, nil
	}
	var value any
	var err error
	if d, ok := v.(interface{ Decoded() reflect.Value }); ok { // it has been decoded
		value = d.Decoded().Interface()
	} else {
		err = v.Decode(&value)
	}
	e := &codec.Encoded{Codec: codec.TypedJSON}
	if err == nil {
		e.Data, err = e.Codec.Encode(value)
	}
	return e, err
}

// encodeData encodes the context data of a call: as texts if all of it is text, otherwise in gob.
func encodeData(all func(yield func(string, any) bool)) (texts map[string]string, data []byte, err error) {
	values := maps.Collect(all)
	if len(values) == 0 {
		return nil, nil, nil
	}
	texts = make(map[string]string, len(values))
	for key, v := range values {
		text, ok := v.(string)
		if !ok {
			registerData()
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(values)
			return nil, b.Bytes(), err
		}
		texts[key] = text
	}
	return texts, nil, nil
}

// decodeData returns the data that encodeData encoded.
func decodeData(texts map[string]string, data []byte) (map[string]any, error) {
	if len(texts) == 0 && len(data) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(texts))
	for key, text := range texts {
		values[key] = text
	}
	if len(data) > 0 {
		registerData()
		if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&values); err != nil {
			return nil, fmt.Errorf("context data: %w", err)
		}
	}
	return values, nil
}

// request returns the request for a call that was sent to this process, for its row.
func (h *callHead) request(r *service.Row, body []byte, codecs codec.Set, budget *codec.Budget) (req service.Request, err error) {
	arguments := append(h.Positional[:len(h.Positional):len(h.Positional)], h.Keyword...)
	sizes := make([]int, 0, len(arguments)+1)
	for _, a := range arguments {
		sizes = append(sizes, a.Size)
	}
	pieces, err := parts(body, append(sizes, h.Data))
	if err != nil {
		return req, err
	}
	req = service.Request{ID: h.ID, Parents: h.Parents, Redelivered: h.Redelivered, Attempt: h.Attempt, Grant: h.Grant}
	if req.Data, err = decodeData(h.Texts, pieces[len(arguments)]); err != nil {
		return req, err
	}
	req.Arguments.More = h.More
	for i, a := range arguments {
		c := codecOf(codecs, a.Type)
		if c == nil {
			return req, fmt.Errorf("no codec for %s", a.Type)
		}
		v := &codec.Encoded{Codec: c, Data: pieces[i], Budget: budget}
		if i < len(h.Positional) {
			req.Arguments.Positional = append(req.Arguments.Positional, v)
		} else {
			req.Arguments.Keyword = append(req.Arguments.Keyword, signature.Named{Name: a.Name, Value: v})
		}
	}
	types := r.Leading()
	if len(types) != len(h.Leading) {
		return req, fmt.Errorf("%d leading values for %d parameters", len(h.Leading), len(types))
	}
	for i, t := range types {
		v := reflect.New(t)
		if err := json.Unmarshal(h.Leading[i], v.Interface()); err != nil {
			return req, err
		}
		req.Leading = append(req.Leading, v.Elem().Interface())
	}
	return req, nil
}

// codecOf returns the codec for a content type, a configured or a built-in one.
func codecOf(codecs codec.Set, contentType string) codec.Codec {
	for _, set := range []codec.Set{codecs, {codec.TypedJSON, msgpack.Codec}} {
		if c := set.Of(contentType); c != nil {
			return c
		}
	}
	return nil
}

// An outcome is the head of an outcomeKind frame. The body is the result.
type outcome struct {
	Result  bool     `json:"result,omitempty"` // the method returns a result
	Failure *failure `json:"failure,omitempty"`
}

// A cancellation is the head of a cancelKind frame.
type cancellation struct {
	Cause    string `json:"cause,omitempty"`
	Deadline bool   `json:"deadline,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // the parent's container has been stopped
}

// cancellationOf returns the cancellation that tells the child why a context ended.
func cancellationOf(cause error) cancellation {
	return cancellation{cause.Error(), errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, service.ErrStopped)}
}

// cause returns the cause with which the child cancels its context.
func (c cancellation) cause() error {
	switch {
	case c.Deadline:
		return context.DeadlineExceeded
	case c.Stopped:
		return service.ErrStopped
	case c.Cause == context.Canceled.Error():
		return context.Canceled
	}
	return errors.New(c.Cause)
}
