package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

func (c *command) callCommand() *cobra.Command {
	var timeout time.Duration
	var data dataFlag
	cmd := &cobra.Command{
		Use:   "call SERVICE.METHOD [ARG…] [KEY=VALUE…]",
		Short: "Call a method and print its result as JSON",
		Long: "Call a method and print its result as JSON. If the method streams, each item is printed as a line when it comes.\n\n" +
			"An argument that is valid JSON is sent as JSON, any other as a string: 7, true, null, '[1, 2]', Julio, '\"7\"'. " +
			"A string in the quotes of JSON is always positional, also one with =: '\"url=http://x\"'.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("call: which method? Name it as in %s greeting_service.hello name=Julio", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dot := strings.LastIndex(args[0], ".")
			if dot <= 0 || dot == len(args[0])-1 {
				return usagef("%q: must be SERVICE.METHOD, as in greeting_service.hello", args[0])
			}
			ctx, err := data.context(cmd.Context())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
			defer stop()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			return c.call(ctx, args[0][:dot], args[0][dot+1:], arguments(args[1:]))
		},
	}
	cmd.ValidArgsFunction = c.completeMethods
	data.add(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "`DURATION` after which the call fails, such as 5s (default: gomeko.rpc_timeout of the configuration, else 30s)")
	return cmd
}

func (c *command) call(ctx context.Context, service, method string, args []any) error {
	l, err := c.dial(ctx, "gomeko call")
	if err != nil {
		return err
	}
	defer l.hangUp()
	defer c.sayIfUnconsumed(ctx, l.conn, service, unconsumedAfter)()
	result, err := l.caller.Client(service).Each(ctx, method, c.printResult, args...)
	if errors.Is(err, rpc.ErrUnknownService) && strings.Contains(err.Error(), "`"+service+"`") {
		return remoteError{fmt.Errorf("%w: it was never started on %s", err, l.broker)}
	}
	if err != nil {
		return remoteError{err}
	}
	if result == nil { // the items were printed
		return nil
	}
	return c.printResult(result)
}

// printResult prints a result, or an item of a stream, on one line.
func (c *command) printResult(result json.RawMessage) error {
	var value any
	if err := codec.JSON.Decode(result, &value); err != nil {
		return err
	}
	text, err := codec.JSON.Encode(value) // with Python's NaN and Infinity, if the result contains them
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, printable.JSON(string(text)))
	return err
}

// unconsumedAfter is how long a call waits before the user is told that no process consumes its
// requests.
const unconsumedAfter = 2 * time.Second

// sayIfUnconsumed tells the user, after a while, that no process consumes the requests of a
// service; the call itself only fails at its deadline. The returned function cancels this.
func (c *command) sayIfUnconsumed(ctx context.Context, conn *transport.Conn, service string, after time.Duration) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			return
		case <-time.After(after):
		}
		if _, consumers, err := conn.Inspect(ctx, "rpc-"+service); err == nil && consumers == 0 {
			say(c.err, "nobody consumes queue rpc-%s: the call waits for a process of the service, or until it times out", service)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

var keyword = regexp.MustCompile(`^([A-Za-z_]\w*)=((?s).*)$`)

// arguments returns the arguments of a call, from the words after its method.
func arguments(words []string) []any {
	var args []any
	var named rpc.Kwargs
	for _, word := range words {
		if m := keyword.FindStringSubmatch(word); m != nil {
			named = append(named, m[1], argument(m[2]))
		} else {
			args = append(args, argument(word))
		}
	}
	if named != nil {
		args = append(args, named)
	}
	return args
}

// argument returns word as JSON if it is valid, else as a string.
func argument(word string) any {
	if json.Valid([]byte(word)) {
		return json.RawMessage(bytes.TrimSpace([]byte(word)))
	}
	return word
}
