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

// A body is the body of a job's message as this package writes it, in the form of Nameko's
// requests.
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

// An input is the payload of a job with its arguments. It implements [service.Input].
type input struct {
	body    codec.Body
	accepts codec.Set
	message int // maximum size of a body, in bytes
	decoded int // maximum size of a decoded body, in bytes
	takes   int // how many arguments the method takes by position
}

// Read reads the arguments. args and kwargs may be missing from the body. Other members, such as
// the id and the name that SQJobs writes, are ignored.
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

// ResultCodec returns the codec of recorded results, for a method that runs in another process.
func (*input) ResultCodec() codec.Codec { return codec.JSON }

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
			return args, misfit("args", splitter.Kind(positional), codec.KindList, err)
		}
		args.More = n - len(list)
		for _, data := range list {
			args.Positional = append(args.Positional, encoded(data))
		}
	}
	if keyword != nil {
		named, err := b.Map(splitter, keyword)
		if err != nil {
			return args, misfit("kwargs", splitter.Kind(keyword), codec.KindObject, err)
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
	if large := (*codec.TooLarge)(nil); errors.As(err, &large) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("body %w", err)
	}
	splitter := codec.Split(c)
	members, err := b.Map(splitter, data)
	if err != nil {
		if kind := splitter.Kind(data); kind != codec.KindObject {
			err = fmt.Errorf(`is %s: send an object, {"args": [], "kwargs": {}}`, kind)
		}
		return nil, nil, fmt.Errorf("body %w", err)
	}
	return c, members, nil
}

// misfit returns the error for a part of a body that has the wrong kind, or cannot be read because
// of err.
func misfit(part string, is, must codec.Kind, err error) error {
	if is != must {
		return fmt.Errorf("%s: must be %s, not %s", part, must, is)
	}
	return fmt.Errorf("%s: %w", part, err)
}

// member returns the value of the member called name, or nil if there is none.
func member(members []codec.Member, name string) []byte {
	for _, m := range members {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// identify returns the id and the name of the job in a message of the service's queue. The id is
// the message_id, and the name is in the routing key. SQJobs writes both into the body, which is
// read if one is missing. A message without any id gets a new one; if it is delivered again, the
// job runs again.
func identify(d *transport.Delivery, service string, accepts codec.Set, limit int, b *codec.Budget) (jobID, name string, err error) {
	jobID = d.MessageID
	if of, n, ok := splitKey(d.Key); ok && of == service && d.Exchange != "" {
		name = n
	}
	if jobID == "" || name == "" {
		inner, n := namesIn(d.Encoded(), accepts, limit, b)
		if jobID == "" {
			jobID = inner
		}
		if name == "" {
			name = n
		}
	}
	name = strings.TrimPrefix(name, service+".")
	switch {
	case name == "":
		return "", "", fmt.Errorf("the message has no job's name: publish it to the exchange %s with the key %s, or add a name to the body",
			exchangeName, routingKey(service, "NAME"))
	case len(jobID) > maxID:
		return "", "", fmt.Errorf("the job's id has %d bytes: at most %d are allowed", len(jobID), maxID)
	case jobID == "":
		jobID = id.Ordered()
	}
	return jobID, name, nil
}

// maxID is the maximum length of a job's id in bytes, the limit of AMQP's properties.
const maxID = 255

// namesIn returns the id and the name in a body, or "" if it has none.
func namesIn(body codec.Body, accepts codec.Set, limit int, b *codec.Budget) (jobID, name string) {
	c, members, err := openBody(body, accepts, limit, b)
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

// runAt returns the time before which a job must not run, or the zero time if its headers name
// none. The header is a text such as 2006-01-02T15:04:05Z, or a number of seconds since 1970,
// within the years 1 to 9999.
func runAt(headers transport.Table) (at time.Time, err error) {
	switch v := headers[runAtHeader].(type) {
	case nil:
		return at, nil
	case string:
		at, err = time.Parse(time.RFC3339, v)
	case time.Time:
		at = v
	case int64:
		at = time.Unix(v, 0)
	case int32:
		at = time.Unix(int64(v), 0)
	case float64:
		whole, part := math.Modf(v)
		if math.Abs(whole) < 1<<40 { // not NaN
			at = time.Unix(int64(whole), int64(part*1e9))
		} else {
			err = errors.New("too large")
		}
	default:
		err = errors.New("of another type")
	}
	if year := at.UTC().Year(); err != nil || year < 1 || year > 9999 {
		return time.Time{}, fmt.Errorf("header %s: must be a time such as 2006-01-02T15:04:05Z, or a number of seconds since 1970", runAtHeader)
	}
	return at, nil
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
