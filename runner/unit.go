package runner

import (
	_ "embed"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

//go:embed units/systemd.service.tmpl
var systemdUnit string

// A unit holds the data for the template of a systemd unit.
type unit struct {
	Package string // as named by the user
	Name    string // of the program
	Exec    string // the path of the program
	Config  string // the path of the configuration where the program runs; "" is none
	User    string // "" is one that systemd makes
	Procs   int
	Grace   int // seconds before a stopping process is killed
}

func (c *command) systemdCommand() *cobra.Command {
	var u unit
	cmd := &cobra.Command{
		Use:   "systemd PKG",
		Short: "Print a unit of systemd that runs a package of services",
		Long: "Print a unit of systemd that runs a package of services.\n\n" +
			"The unit waits until the services are ready, restarts a process that has frozen or died, stays down after more than\n" +
			"ten deaths in five seconds, gives running calls time to end, and lets the program do little else than use the\n" +
			"network. With --config, the program reads that file in the folder /etc/NAME, and the grace in it counts.",
		Args: onePackage("systemd"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if u.Procs < 1 {
				return usagef("--procs %d: must be at least 1", u.Procs)
			}
			s, err := c.configuration()
			if err != nil {
				return err
			}
			packages, err := new(builder).find(cmd.Context(), args)
			if err != nil {
				return err
			}
			u.Package, u.Name = args[0], path.Base(packages[0].ImportPath)
			if u.Exec == "" {
				u.Exec = "/usr/local/bin/" + u.Name
			}
			if s.file != "" {
				u.Config = "/etc/" + u.Name + "/" + filepath.Base(s.file)
			}
			u.Grace = s.stopSeconds()
			return printUnit(c.out, systemdUnit, u)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&u.Exec, "exec", "", "`FILE` of the program (default: /usr/local/bin/NAME)")
	flags.StringVar(&u.User, "user", "", "`NAME` of the user that the program runs as (default: one that systemd makes)")
	flags.IntVar(&u.Procs, "procs", 1, "`NUMBER` of processes; systemctl reload replaces them one after the other")
	return cmd
}

// stopSeconds returns how many seconds a process may take to stop before it is killed.
func (s *settings) stopSeconds() int {
	return int((s.cfg.Grace + s.web.DrainDelay + killTime).Round(time.Second).Seconds())
}
