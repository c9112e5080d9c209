package runner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// broadcastTimeout limits how long sending an event may take.
const broadcastTimeout = 30 * time.Second

func (c *command) broadcastCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "broadcast CHANNEL EVENT JSON",
		Short: "Send an event to the clients on a channel, in all processes",
		Long: "Send an event to the clients on a channel, in all processes.\n\n" +
			"Websockets that are subscribed to the channel and clients of its feeds receive it, as from Hub.Broadcast. The processes\n" +
			"must have gomeko.web.hub: fleet. Data that is not valid JSON is sent as a string.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := json.Marshal(argument(args[2]))
			if err != nil {
				return err
			}
			return c.withBroker(cmd.Context(), "gomeko broadcast", func(ctx context.Context, conn *transport.Conn) error {
				ctx, cancel := context.WithTimeout(ctx, broadcastTimeout)
				defer cancel()
				heard, err := fleet.Broadcast(ctx, conn, args[0], args[1], data)
				if err == nil && !heard {
					say(c.err, "nobody listens to channel %s: no process with gomeko.web.hub: fleet has clients on it", printable.Text(args[0]))
				}
				return err
			})
		},
	}
}
