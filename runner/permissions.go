package runner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// permissionsFlags are the flags of topology permissions.
type permissionsFlags struct {
	user string
	json bool
}

func (f *permissionsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.user, "user", "", "`NAME` of the broker's user (default: that of the first service)")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON object, as definitions.json of RabbitMQ has it under permissions")
}

const permissionsText = "The permissions are those of one process that runs these services: it has one user. To give each service a user of\n" +
	"its own, run the services in processes of their own, and print the permissions of each. Nothing is asked of a broker."

// permissionsCommand is gomeko topology permissions.
func (c *command) permissionsCommand() *cobra.Command {
	var f permissionsFlags
	cmd := &cobra.Command{
		Use:   "permissions PKG[:Service]…",
		Short: "Print the broker's user and permissions that services need",
		Long: "Print the broker's user and permissions that services need, as lines of rabbitmqctl.\n\n" +
			"PKG is what gomeko run takes: its services are built and made, but not started.\n" + permissionsText,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			program, err := c.buildWithMain(cmd.Context(), args, "which has the command topology permissions: name the package of the services")
			if err != nil {
				return err
			}
			return become(program, append([]string{program, "topology", "permissions"}, changed(cmd.Flags())...))
		},
	}
	f.add(cmd)
	return cmd
}

// permissionsOwnCommand is the command topology permissions of a user's program.
func (c *command) permissionsOwnCommand(opts []fx.Option) *cobra.Command {
	var f permissionsFlags
	cmd := &cobra.Command{
		Use:   "permissions",
		Short: "Print the broker's user and permissions that the services of this program need",
		Long: "Print the broker's user and permissions that the services of this program need, as lines of rabbitmqctl.\n\n" +
			"The services are made, but not started.\n" + permissionsText,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.permissions(f, opts) },
	}
	f.add(cmd)
	return cmd
}

// permissions prints the permissions that the services of opts need.
func (c *command) permissions(f permissionsFlags, opts []fx.Option) error {
	if err := c.nameBroker(); err != nil {
		return err
	}
	s, err := c.configuration()
	if err != nil {
		return err
	}
	p := &process{settings: s, notices: c.notices(), broker: c.broker}
	if err := p.bind(opts); err != nil {
		return err
	}
	names := p.container.Names()
	say(c.err, "services: %s", strings.Join(names, ", "))
	granted := permissionsOf(connection.Plans(p.container.Host()))
	granted.User, granted.VHost = cmp.Or(f.user, names[0]), vhostOf(p.uri)
	return c.printPermissions(granted, f.json)
}

// vhostOf returns the virtual host that a broker's URI names.
func vhostOf(uri string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return "/"
	}
	return cmp.Or(strings.TrimPrefix(parsed.Path, "/"), "/")
}

// A permission is a RabbitMQ user's permissions in a virtual host, in the form of definitions.json.
type permission struct {
	User      string `json:"user"`
	VHost     string `json:"vhost"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

// printPermissions prints the commands or definitions that create the user.
func (c *command) printPermissions(p permission, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(printable.NewWriter(c.out, printable.JSON))
		e.SetEscapeHTML(false)
		return e.Encode(p)
	}
	_, err := fmt.Fprintf(c.out, "rabbitmqctl add_user %s\nrabbitmqctl set_permissions -p %s %s \\\n  %s \\\n  %s \\\n  %s\n",
		quoted(p.User), quoted(p.VHost), quoted(p.User), quoted(p.Configure), quoted(p.Write), quoted(p.Read))
	return err
}

// plain matches text that a shell does not interpret.
var plain = regexp.MustCompile(`^[\w./@:+-]+$`)

// quoted quotes text as one word for a shell.
func quoted(text string) string {
	if plain.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// permissionsOf returns the permissions for plans. It spells out the names of queues and exchanges;
// patterns match only parts that are unique to a process, and the delays of messages.
func permissionsOf(plans []connection.Plan) permission {
	var g grants
	for _, p := range plans {
		g.add(transport.Use{Topology: p.Topology, Consumes: p.Consumes, Writes: p.Writes})
		g.add(p.Later)
	}
	return permission{Configure: g.configure.pattern(), Write: g.write.pattern(), Read: g.read.pattern()}
}

// grants are the names of queues and exchanges to permit.
type grants struct{ configure, write, read names }

// add adds the permissions that RabbitMQ checks for the operations of u.
func (g *grants) add(u transport.Use) {
	for _, e := range u.Exchanges {
		if e.Kind == "" { // not declared
			continue
		}
		g.configure.add(e.Name)
		if alternate, ok := e.Args["alternate-exchange"].(string); ok {
			g.read.add(e.Name)
			g.write.add(alternate)
		}
	}
	for _, q := range u.Queues {
		g.configure.add(q.Name)
		if dead, ok := q.Args["x-dead-letter-exchange"].(string); ok {
			g.read.add(q.Name)
			g.write.add(dead)
		}
	}
	for _, b := range u.Bindings {
		g.write.add(b.Queue)
		g.read.add(b.Exchange)
	}
	for _, name := range u.Consumes {
		g.read.add(name)
	}
	for _, name := range u.Writes {
		g.write.add(name)
	}
}

// names are regular expressions of names.
type names map[string]bool

// The parts of a queue's name that differ between processes, and between messages.
var (
	uuids  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	digits = regexp.MustCompile(`[0-9a-f]{32}`)
	delay  = regexp.MustCompile(`^(` + regexp.QuoteMeta(regexp.QuoteMeta(deadletter.Prefix+"delay.")) + `.*\\\.)0$`)
)

// add adds a name. "" is the default exchange.
func (n *names) add(name string) {
	if *n == nil {
		*n = names{}
	}
	p := regexp.QuoteMeta(cmp.Or(name, "amq.default"))
	p = uuids.ReplaceAllLiteralString(p, "[0-9a-f-]{36}")
	p = digits.ReplaceAllLiteralString(p, "[0-9a-f]{32}")
	p = delay.ReplaceAllString(p, "${1}[0-9]+")
	(*n)[p] = true
}

// pattern returns a regular expression that matches exactly the names.
func (n names) pattern() string {
	if len(n) == 0 {
		return "^$"
	}
	return "^(" + strings.Join(slices.Sorted(maps.Keys(n)), "|") + ")$"
}
