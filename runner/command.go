package runner

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/isolate"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/internal/supervisor"
	"github.com/gomeko/gomeko/transport"
)

// A command is one command line: its streams and the flags that all commands share.
type command struct {
	in       *os.File
	out, err io.Writer

	brokerFlag string   // --broker
	broker     string   // its value, or that of GOMEKO_BROKER
	config     string   // --config
	http       string   // --http
	only       []string // --only
	logLevel   slog.Level
	logFormat  string

	statistics time.Duration // replaces statisticsTime in tests

	flags    *pflag.FlagSet // of the command that runs
	instance string         // of this process; self returns it
	args     []string       // of the command line
	json     bool           // the log is JSON
	begun    bool           // the command line is valid and its command runs

	loggedLevel slog.LevelVar // of the log

	processes processFlags
	parent    *supervisor.Parent // of this process; nil if no parent keeps it running
	child     *isolate.Child     // this process, if it runs methods for another
}

// program returns the commands of a program of services.
func (c *command) program(opts []fx.Option) *cobra.Command {
	root := c.root(filepath.Base(os.Args[0]), "Run services that are called over AMQP")
	root.Args = cobra.NoArgs
	root.Version = cmp.Or(stamp, programVersion())
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	run := func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), opts) }
	root.RunE = run
	explicit := &cobra.Command{
		Use:   "run",
		Short: "Run the services: the default",
		Args:  cobra.NoArgs,
		RunE:  run,
	}
	for _, cmd := range []*cobra.Command{root, explicit} {
		c.addHTTP(cmd)
		c.addOnly(cmd)
		c.addProcesses(cmd)
	}
	root.AddCommand(explicit, c.shellCommand(), c.callCommand(), c.dispatchCommand(), c.publishCommand(), c.describeOwnCommand(opts), c.doctorOwnCommand(opts), c.cronCommand(), c.deadCommand(), c.jobsCommand(), c.topologyCommand(c.permissionsOwnCommand(opts)), c.showConfigCommand())
	addExamples(root, "program")
	return root
}

// root returns a root command with the flags that all commands share.
func (c *command) root(name, short string) *cobra.Command {
	root := &cobra.Command{Use: name, Short: short, PersistentPreRunE: c.begin}
	flags := root.PersistentFlags()
	flags.StringVar(&c.brokerFlag, "broker", "", "`URI` of the broker, @FILE to read it from a file, or embedded to host one in memory (default: "+
		brokerVariable+" of the environment, else AMQP_URI of the configuration or of the environment, else "+defaultURI+")")
	flags.StringVar(&c.config, "config", "", "configuration `FILE`, YAML")
	flags.Var((*levelFlag)(&c.logLevel), "log-level", "lowest `LEVEL` to log: debug, info, warn or error (default: that of LOGGING in the configuration, else info)")
	flags.StringVar(&c.logFormat, "log-format", "text", "`FORMAT` of the log: text or json (default: gomeko.log_format of the configuration, else text)")
	for _, name := range []string{"log-level", "log-format"} {
		flags.Lookup(name).DefValue = "" // the help text names the default; pflag would add it again
	}
	root.AddCommand(c.fleetCommands()...)
	return root
}

// run runs the services of opts until a signal stops them, one of them fails, or the application
// shuts down.
func (c *command) run(ctx context.Context, opts []fx.Option) error {
	surviveReaders()
	if err := c.nameBroker(); err != nil {
		return err
	}
	s, err := c.configuration()
	if err != nil {
		return err
	}
	if c.child != nil {
		p := &process{settings: s, broker: c.broker, child: c.child}
		return p.runChild(ctx, opts)
	}
	if err := c.checkProcesses(); err != nil {
		return err
	}
	if c.wantsParent() {
		program, err := c.ownProgram()
		if err != nil {
			return err
		}
		return c.supervise(ctx, s, program, false, nil)
	}
	s.cfg.WebAddress = cmp.Or(c.http, s.cfg.WebAddress)
	ctx, kill, release := untilSignals(ctx, stopSignals()...)
	defer release()
	ctx, leave := untilGone(ctx, c.parent)
	defer leave()
	p := &process{settings: s, notices: c.notices(), broker: c.broker, only: c.only, instance: c.self(), level: &c.loggedLevel, args: c.args}
	return p.run(ctx, kill, opts)
}

// begin runs before each command, once its arguments are known to be valid.
func (c *command) begin(cmd *cobra.Command, _ []string) error {
	if cmd.Flags().Changed("broker") && c.brokerFlag == "" { // perhaps from an unset variable
		return usagef("--broker: is empty: give the broker's URI, or omit the flag")
	}
	if c.logFormat != "text" && c.logFormat != "json" {
		return fmt.Errorf("--log-format %s: must be text or json", c.logFormat)
	}
	var err error
	if c.parent, err = supervisor.Join(); err != nil {
		return err
	}
	if c.child, err = isolate.Join(); err != nil {
		return err
	}
	c.logTo(c.logLevel, c.logFormat)
	c.flags, c.begun = cmd.Flags(), true
	return nil
}

// nameBroker sets the broker named by the command line or the environment.
func (c *command) nameBroker() (err error) {
	if c.parent != nil && c.parent.Broker != "" {
		c.broker = c.parent.Broker
		return nil
	}
	if c.broker, err = secretValue("--broker", brokerVariable, c.brokerFlag); err != nil {
		return usageError{err}
	}
	return nil
}

// configuration reads the file of --config, prints its warnings, and sets up the log as the file
// says, unless flags override it.
func (c *command) configuration() (*settings, error) {
	s, err := load(c.config)
	if err != nil {
		return s, err
	}
	level, format := s.cfg.LogLevel, s.cfg.LogFormat
	if c.flags.Changed("log-level") {
		level = c.logLevel
	}
	if c.flags.Changed("log-format") {
		format = c.logFormat
	}
	c.logTo(level, format)
	if c.child == nil { // the parent has already warned
		c.notices().warn(s.cfg.Warnings)
	}
	return s, nil
}

// logTo sets up the log.
func (c *command) logTo(level slog.Level, format string) {
	c.json = format == "json"
	c.loggedLevel.Set(level)
	if c.child != nil {
		slog.SetDefault(c.child.Logger())
		return
	}
	logTo(c.err, &c.loggedLevel, format, c.self(), c.parent)
}

// self returns the name of this process, which is the same in its log and in what it tells other
// processes.
func (c *command) self() string {
	if c.instance == "" {
		c.instance = id.Instance()
	}
	return c.instance
}

// notices returns the notices of the command. If the log is JSON, they become log lines, so that a
// program can parse standard error.
func (c *command) notices() notices {
	n := notices{lines: c.people(), log: slog.Default(), systemd: true, parent: c.parent}
	if c.json {
		n.lines = nil
	}
	return n
}

// people returns the writer for lines that people read.
func (c *command) people() io.Writer {
	if c.parent == nil || c.parent.Of == 1 {
		return c.err
	}
	return prefixed{c.err, fmt.Sprintf("process %d: ", c.parent.Process)}
}

func (c *command) showConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show-config",
		Short: "Print the configuration, with variables substituted and secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := c.nameBroker(); err != nil {
				return err
			}
			s, err := c.configuration()
			if err != nil {
				return err
			}
			if c.config == "" {
				say(c.err, "no file is named with --config: every key has its default")
				if _, err := os.Stat(namekoConfig); err == nil {
					say(c.err, "%s in this folder is not read: pass it to all commands with --config %s", namekoConfig, namekoConfig)
				}
			}
			say(c.err, "broker: %s", secret.Mask(cmp.Or(c.broker, s.brokerURI(c.broker), defaultURI)))
			_, err = io.WriteString(c.out, s.cfg.String())
			return err
		},
	}
}

// namekoConfig is the file that Nameko's show-config reads by default.
const namekoConfig = "config.yaml"

// reach returns the configuration of a connection to the broker of running services, for the
// command name. The broker's management shows that name, the machine and the process.
func (c *command) reach(s *settings, name string) (transport.Config, error) {
	if err := c.nameBroker(); err != nil {
		return transport.Config{}, err
	}
	if c.broker == embeddedBroker {
		return transport.Config{}, usagef("--broker embedded: this command calls services, and an embedded broker has none: " +
			"give the URI of the broker that they use, or omit the flag")
	}
	broker := s.transport(cmp.Or(s.brokerURI(c.broker), defaultURI))
	broker.Name = name + "@" + c.self()
	return broker, s.login(&broker)
}
