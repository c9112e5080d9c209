package runner

import (
	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// A frontService names the process of gomeko front.
type frontService struct {
	_ service.Name `service:"front"`
}

func (c *command) frontCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "front BACKEND",
		Short: "Receive HTTP requests and forward them to a backend through a queue",
		Long: "Receive HTTP requests and forward them to a backend through a queue.\n\n" +
			"BACKEND is the name in a row web.Backend, such as shop for web:\"shop\". The processes that have the row take the\n" +
			"requests from the queue gomeko.http.BACKEND of the broker, and need no port. Without one, a request is answered\n" +
			"with 503. The keys under gomeko.web of the configuration limit bodies and times, and name the paths of probes.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("front: to which backend? Name one, as in gomeko front shop for a row web.Backend with web:\"shop\"")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.brokerFlag == embeddedBroker {
				return usagef("--broker embedded: the backend is in another process, and cannot reach it: give the URI of a broker, or omit the flag")
			}
			forward := func(h *service.Host) error { return web.Forward(h, args[0]) }
			return c.run(cmd.Context(), []fx.Option{service.Provide(new(frontService)), service.Configure[service.Extension](forward)})
		},
	}
	cmd.Flags().Var((*httpFlag)(&c.http), "listen", "`ADDRESS` to serve HTTP on: host:port or a port (default: WEB_SERVER_ADDRESS of the configuration, else 0.0.0.0:8000)")
	return cmd
}
