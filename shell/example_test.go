package shell_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/shell"
	"github.com/gomeko/gomeko/transport"
)

func ExampleShell() {
	ctx := context.Background()
	b := broker.New(broker.Config{})
	at := transport.Config{URI: "amqp://", Dial: func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }}
	services, err := service.New(service.Config{}, new(Greeter), service.Configure(at))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := services.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	conn, err := transport.Dial(ctx, at)
	if err != nil {
		fmt.Println(err)
		return
	}
	caller, err := rpc.NewCaller(ctx, conn, rpc.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}

	s := &shell.Shell{Caller: caller, Conn: conn, Stdout: os.Stdout, Stderr: os.Stderr}
	err = s.Script(ctx, "greet", strings.NewReader(`
names = ["Julio", "Zoë"]
print([n.rpc.greeting_service.hello(name=name) for name in names])
n.rpc.nobody.hello()
`))
	fmt.Println(err)

	fmt.Println(caller.Close(ctx), conn.Close(ctx), services.Stop(ctx), b.Close(ctx))
	// Output:
	// ['Hello, Julio!', 'Hello, Zoë!']
	// greet:4: UnknownService: Unknown service `nobody`
	// <nil> <nil> <nil> <nil>
}
