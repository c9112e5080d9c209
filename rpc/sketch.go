package rpc

import (
	"context"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Config says how calls are made and served; extensions find it in service.Config.Values. The zero value works.
type Config struct {
	Exchange string        // topic exchange of requests and replies; "" is nameko-rpc
	Timeout  time.Duration // limit of a call whose ctx has no deadline; 0 is 30 s, negative is none
}

// Method is a row of the entrypoint table: a method that is called by RPC.
type Method struct{}

// Entrypoint implements service.EntrypointType.
func (Method) Entrypoint(f *service.Field) (service.Entrypoint, error) { panic("sketch") }

// A Client calls the methods of one service. As a field of a service, `rpc:"users"` names it.
type Client struct{}

// Dependency implements service.DependencyType.
func (Client) Dependency(f *service.Field) (any, error) { panic("sketch") }

// Call calls method and stores its result in the pointer result, nil to drop it. args are positional; a
// [Kwargs] at the end are keywords.
func (c Client) Call(ctx context.Context, method string, result any, args ...any) error {
	panic("sketch")
}

// Kwargs are keyword arguments, names and values in turn: rpc.Kwargs{"name", "Julio", "count", 2}.
type Kwargs []any

// A Conn calls services from a program that is none (Nameko's ClusterRpcProxy).
type Conn struct{}

// Dial connects to the broker and makes the reply queue.
func Dial(ctx context.Context, broker transport.Config, cfg Config) (*Conn, error) { panic("sketch") }

// Client returns a client of the service named.
func (c *Conn) Client(service string) Client { panic("sketch") }

// Close fails the calls that wait and closes the connection.
func (c *Conn) Close(ctx context.Context) error { panic("sketch") }

// An Error is an error as it travels: Nameko's serialized exception.
type Error struct {
	Type  string // exc_type, the class's name: "ValueError"
	Path  string // exc_path: "builtins.ValueError"; what errors.Is compares
	Args  []any  // exc_args
	Value string // value: str(exception)
}

func (e *Error) Error() string { panic("sketch") }

// NewError returns an expected error.
func NewError(path, text string) *Error { panic("sketch") }
