package runner

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// gomeko returns the commands of the command gomeko.
func (c *command) gomeko() *cobra.Command {
	root := c.root("gomeko", "Services in Go on the wire of Python's Nameko")
	root.Version = version()
	root.SetVersionTemplate("gomeko {{.Version}}\n")
	root.AddCommand(c.runCommand(), c.shellCommand(), c.callCommand(), c.brokerCommand(), c.showConfigCommand())
	return root
}

// version returns the version of gomeko that was built: of the module, or (devel) in a clone.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

func (c *command) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run PKG[:Service]…",
		Short: "Build packages of services and run them",
		Long: "Build packages of services and run them.\n\n" +
			"PKG is a folder or a package path. A main package is run as it is. Of another one, Module (an fx.Option) is run, or\n" +
			"else its services: the struct types with a service.Name. Nothing is written beside the code. When no broker is\n" +
			"named and none listens on " + brokerAddress + ", the program hosts one in itself, in memory.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := load(c.config) // the program prints its warnings
			if err != nil {
				return err
			}
			argv := changed(cmd.Flags())
			program, err := c.build(cmd.Context(), args)
			if err != nil {
				return err
			}
			if c.broker == "" && brokerURI(c.broker, s.cfg) == "" && !listening() {
				say(c.err, "no broker is named and none listens on %s: starting the embedded one", brokerAddress)
				argv = append(argv, "--broker="+embeddedBroker)
			}
			return become(program, append([]string{program}, argv...))
		},
	}
}

// changed returns the flags that were given, to be given on.
func changed(flags *pflag.FlagSet) []string {
	var given []string
	flags.Visit(func(f *pflag.Flag) { given = append(given, "--"+f.Name+"="+f.Value.String()) })
	return given
}

// listening reports whether a broker, or whatever, is at the default URI.
func listening() bool {
	conn, err := net.DialTimeout("tcp", "localhost:5672", time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func (c *command) brokerCommand() *cobra.Command {
	var address, management string
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker in memory, for development and tests",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return c.serveBroker(ctx, address, management)
		},
	}
	cmd.Flags().StringVar(&address, "listen", brokerAddress, "`ADDRESS` to listen on")
	cmd.Flags().StringVar(&management, "management", "", "`ADDRESS` of this machine to serve RabbitMQ's management API on, as "+managementAddress)
	cmd.AddCommand(c.statusCommand())
	return cmd
}

// serveBroker hosts a broker until ctx ends. Without an address for it there is no management API.
func (c *command) serveBroker(ctx context.Context, address, management string) error {
	host := newEmbedded(embeddedAt(""), notices{lines: c.err, log: slog.Default()})
	host.instead = "use that one, or give another address with --listen"
	if err := host.listen(address); err != nil {
		return err
	}
	defer host.stop()
	if management != "" {
		bound, err := host.ListenManagement(management)
		if err != nil {
			return fmt.Errorf("embedded %w", err)
		}
		say(c.err, "management API on http://%s", bound)
	}
	<-ctx.Done()
	return nil
}
