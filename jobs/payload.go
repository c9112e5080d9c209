package jobs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/transport"
)

// A body is the body of a job's message, as this package writes it: that of Nameko's requests.
type body struct {
	Args   []any `json:"args"`
	Kwargs any   `json:"kwargs"` // encoded as an object
}

// noKeywords are the keyword arguments of a job without any.
type noKeywords struct{}

func (noKeywords) Members() (names []string, values []any, err error) { return nil, nil, nil }

// encodeBody returns the body of a job with these arguments.
func encodeBody(c codec.Codec, args []any, kwargs any) ([]byte, error) {
	if args == nil {
		args = []any{}
	}
	if kwargs == nil {
		kwargs = noKeywords{}
	}
	data, err := c.Encode(body{args, kwargs})
	if err != nil {
		return nil, fmt.Errorf("arguments: %w", err)
	}
	return data, nil
}

// An input is the payload of a job, with its arguments: it implements [service.Input].
type input struct {
	body    codec.Body
	accepts codec.Set
	message int // the largest body, in bytes
	decoded int // what a body may take when it is decoded
	takes   int // how many arguments the method takes by position
}

// Read reads the arguments. A body without args, or without kwargs, has none of them. Members of
// other names, such as the id and the name that SQJobs writes, are ignored.
func (in *input) Read(ctx context.Context) (args signature.Arguments, _ service.Body, err error) {
	b := new(codec.Budget)
	b.Reset(ctx, in.decoded)
	args, err = in.read(b)
	if err != nil {
		b.Close()
		return args, nil, rpcerror.ErrMalformedRequest.WithText(err.Error())
	}
	return args, b, nil
}

func (in *input) read(b *codec.Budget) (args signature.Arguments, err error) {
	c, members, err := openBody(in.body, in.accepts, in.message, b)
	if err != nil {
		return args, err
	}
	splitter := codec.Split(c)
	positional, keyword := member(members, "args"), member(members, "kwargs")
	if positional == nil && keyword == nil {
		return args, errors.New(`body has neither args nor kwargs: send {"args": [], "kwargs": {}}`)
	}
	encoded := func(data []byte) signature.Value { return &codec.Encoded{Codec: c, Data: data, Budget: b} }
	if positional != nil {
		list, n, err := b.List(splitter, positional, in.takes)
		if err != nil {
			return args, fmt.Errorf("args: must be a list, not %s", splitter.Kind(positional))
		}
		args.More = n - len(list)
		for _, data := range list {
			args.Positional = append(args.Positional, encoded(data))
		}
	}
	if keyword != nil {
		named, err := b.Map(splitter, keyword)
		if err != nil {
			return args, fmt.Errorf("kwargs: must be an object, not %s", splitter.Kind(keyword))
		}
		for _, m := range named {
			args.Keyword = append(args.Keyword, signature.Named{Name: m.Name, Value: encoded(m.Value)})
		}
	}
	return args, nil
}

// openBody returns the members of a body, and their codec.
func openBody(body codec.Body, accepts codec.Set, limit int, b *codec.Budget) (codec.Codec, []codec.Member, error) {
	c, data, err := accepts.Open(body, limit, b)
	if err != nil {
		return nil, nil, fmt.Errorf("body %w", err)
	}
	splitter := codec.Split(c)
	members, err := b.Map(splitter, data)
	if err != nil {
		return nil, nil, fmt.Errorf(`body is %s: send an object, {"args": [], "kwargs": {}}`, splitter.Kind(data))
	}
	return c, members, nil
}

// member returns the value of the member called name, or nil.
func member(members []codec.Member, name string) []byte {
	for _, m := range members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// identify returns the id and the name of the job that a message of the service's queue asks for.
// The id is the message_id, and the name is in the routing key. SQJobs has both in the body, and is
// read if one is missing. A message without any id gets a new one: if it is delivered again, the
// job runs again.
func identify(d *transport.Delivery, service string, accepts codec.Set, limit int) (jobID, name string, err error) {
	jobID = d.MessageID
	if of, n, ok := splitKey(d.Key); ok && of == service && d.Exchange != "" {
		name = n
	}
	if jobID == "" || name == "" {
		inner, n := namesIn(d.Encoded(), accepts, limit)
		if jobID == "" {
			jobID = inner
		}
		if name == "" {
			name = n
		}
	}
	switch {
	case name == "":
		return "", "", fmt.Errorf("the message has no job's name: publish it to the exchange %s with the key %s, or add a name to the body",
			exchangeName, routingKey(service, "NAME"))
	case len(jobID) > maxID:
		return "", "", fmt.Errorf("the job's id has %d bytes: at most %d are allowed", len(jobID), maxID)
	case jobID == "":
		jobID = id.New("")
	}
	return jobID, strings.TrimPrefix(name, service+"."), nil
}

// maxID is the longest id of a job, in bytes: that of a property of AMQP.
const maxID = 255

// namesIn returns the id and the name in a body, "" if it has none.
func namesIn(body codec.Body, accepts codec.Set, limit int) (jobID, name string) {
	c, members, err := openBody(body, accepts, limit, nil)
	if err != nil {
		return "", ""
	}
	for key, into := range map[string]*string{"id": &jobID, "name": &name} {
		if data := member(members, key); data != nil && c.Decode(data, into) != nil {
			*into = ""
		}
	}
	return jobID, name
}

// runAt returns the time before which a job must not run, zero if its headers name none: a text as
// in 2006-01-02T15:04:05Z, or a number of seconds since 1970.
func runAt(headers transport.Table) (time.Time, error) {
	switch v := headers[runAtHeader].(type) {
	case nil:
		return time.Time{}, nil
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at, nil
		}
	case time.Time:
		return v, nil
	case int64:
		return time.Unix(v, 0), nil
	case int32:
		return time.Unix(int64(v), 0), nil
	case float64:
		if whole, part := math.Modf(v); math.Abs(whole) < 1<<40 {
			return time.Unix(int64(whole), int64(part*1e9)), nil
		}
	}
	return time.Time{}, fmt.Errorf("header %s: must be a time such as 2006-01-02T15:04:05Z, or a number of seconds since 1970", runAtHeader)
}

// encodeHeaders returns headers as JSON, for a row of the store.
func encodeHeaders(headers transport.Table) (string, error) {
	if len(headers) == 0 {
		return "", nil
	}
	text, err := codec.TypedJSON.Encode(headers)
	if err != nil {
		return "", fmt.Errorf("headers: %w", err)
	}
	return string(text), nil
}

// decodeHeaders returns the headers of a row of the store.
func decodeHeaders(text string) (transport.Table, error) {
	headers := transport.Table{}
	if text == "" {
		return headers, nil
	}
	if err := codec.TypedJSON.Decode([]byte(text), &headers); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	return headers, nil
}
