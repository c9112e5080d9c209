package runner

import (
	"errors"
	"net"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// gomeko returns the commands of the command gomeko.
func (c *command) gomeko() *cobra.Command {
	root := c.root("gomeko", "Build, run and call services in Go that speak Nameko's wire protocol")
	root.Version = version()
	root.SetVersionTemplate("gomeko {{.Version}}\n")
	root.AddCommand(c.newCommand(), c.runCommand(), c.buildCommand(), c.systemdCommand(), c.k8sCommand(), c.composeCommand(), c.shellCommand(), c.callCommand(), c.dispatchCommand(), c.publishCommand(), c.describeCommand(), c.doctorCommand(), c.brokerCommand(), c.frontCommand(), c.cronCommand(), c.deadCommand(), c.jobsCommand(), c.panelCommand(), c.topologyCommand(c.permissionsCommand()), c.showConfigCommand())
	addExamples(root, "")
	return root
}

// version returns the versions of gomeko, or (devel) if it was built in a clone, and of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

// noBroker says why the embedded broker is started.
const noBroker = "no broker is named and none listens on " + brokerAddress + ": starting the embedded one"

func (c *command) runCommand() *cobra.Command {
	var reload bool
	run := &cobra.Command{
		Use:   "run PKG[:Service]…",
		Short: "Build packages of services and run them",
		Long: "Build packages of services and run them.\n\n" +
			"PKG is a folder or an import path. A main package is run as a program. Of any other package, the variable\n" +
			"Module (an fx.Option) is run or, without one, every struct type with a service.Name. No files are written\n" +
			"next to your code. If no broker is named and none listens on " + brokerAddress + ", the program hosts one in memory.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("run: what? Name a folder or an import path, as in gomeko run ./orders, or gomeko run . for this folder")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			surviveReaders()
			if err := c.nameBroker(); err != nil {
				return err
			}
			s, err := load(c.config) // the program prints the warnings
			if err != nil {
				return err
			}
			if !c.flags.Changed("log-format") {
				c.logTo(c.logLevel, s.cfg.LogFormat)
			}
			if err := c.checkProcesses(); err != nil {
				return err
			}
			if reload {
				return c.reload(cmd.Context(), args, changed(cmd.Flags(), append(processFlagNames, "reload", "broker")...))
			}
			argv := changed(cmd.Flags())
			program, err := c.build(cmd.Context(), args)
			if err != nil {
				return err
			}
			if c.broker == "" && s.brokerURI(c.broker) == "" && !listening() {
				c.notices().tell(noBroker, "no broker is named: starting the embedded one", "address", brokerAddress)
				argv = append(argv, "--broker="+embeddedBroker)
			}
			return become(program, append([]string{program}, argv...))
		},
	}
	c.addHTTP(run)
	c.addOnly(run)
	c.addProcesses(run)
	run.Flags().BoolVar(&reload, "reload", false, "build again when files change, and replace the process without a failed call; for development")
	return run
}

// changed returns the flags given on the command line, except some, to pass them to the program.
func changed(flags *pflag.FlagSet, except ...string) []string {
	var given []string
	flags.Visit(func(f *pflag.Flag) {
		if !slices.Contains(except, f.Name) {
			given = append(given, "--"+f.Name+"="+f.Value.String())
		}
	})
	return given
}

// listening reports whether anything listens at the default URI.
func listening() bool {
	conn, err := net.DialTimeout("tcp", "localhost:5672", time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
