package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/publish"
	"github.com/gomeko/gomeko/transport"
)

func (c *command) dispatchCommand() *cobra.Command {
	var data dataFlag
	cmd := &cobra.Command{
		Use:   "dispatch SOURCE TYPE JSON",
		Short: "Dispatch an event in the name of a service",
		Long: "Dispatch an event in the name of a service.\n\n" +
			"The rows events:\"SOURCE.TYPE\" of other services handle it, as if the service SOURCE had dispatched it. JSON is its\n" +
			"payload; - reads it from standard input. It is an error if SOURCE and its listeners have never run at this broker.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			payload, err := c.payload(args[2])
			if err != nil {
				return err
			}
			ctx, err := data.context(cmd.Context())
			if err != nil {
				return err
			}
			return c.withBroker(ctx, "gomeko dispatch", func(ctx context.Context, conn *transport.Conn) error {
				err := events.NewDispatcher(conn, args[0], func(m *transport.Publishing) { m.Mandatory = true })(ctx, args[1], payload)
				var returned *transport.Returned
				if errors.As(err, &returned) {
					say(c.err, "dispatched, but no service handles %s of %s", args[1], args[0])
					return nil
				}
				return err
			})
		},
	}
	data.add(cmd)
	return cmd
}

func (c *command) publishCommand() *cobra.Command {
	var data dataFlag
	cmd := &cobra.Command{
		Use:   "publish EXCHANGE KEY JSON",
		Short: "Publish a message to an exchange",
		Long: "Publish a message to an exchange.\n\n" +
			"An EXCHANGE of '' is the default one, in which KEY is the name of a queue. JSON is the payload; - reads it from\n" +
			"standard input. It is encoded in the serializer of the configuration. It is an error if no queue gets the message.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			payload, err := c.payload(args[2])
			if err != nil {
				return err
			}
			ctx, err := data.context(cmd.Context())
			if err != nil {
				return err
			}
			return c.withBroker(ctx, "gomeko publish", func(ctx context.Context, conn *transport.Conn) error {
				return publish.On(conn).Publish(ctx, payload, transport.Publishing{
					Exchange: args[0], Key: args[1], Mandatory: true,
					Properties: transport.Properties{Persistent: true, Headers: transport.Table{}},
				})
			})
		},
	}
	data.add(cmd)
	return cmd
}

// payload returns the JSON value in a word, or in standard input for -.
func (c *command) payload(word string) (json.RawMessage, error) {
	text := []byte(word)
	if word == "-" {
		var err error
		if text, err = io.ReadAll(c.in); err != nil {
			return nil, err
		}
	}
	if !json.Valid(text) {
		return nil, usagef("%q: must be JSON; write a string as '\"text\"'", clipped(text))
	}
	return text, nil
}

// clipped shortens a text for an error.
func clipped(text []byte) string {
	const most = 60
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
