package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/doctor"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs/store"
)

// An unableError says why gomeko doctor could not examine something.
type unableError struct{ error }

func (e unableError) Unwrap() error { return e.error }

// unable wraps err with its exit status, unless it is a mistake in the command line.
func unable(err error) error {
	var usage usageError
	if err == nil || errors.As(err, &usage) {
		return err
	}
	return unableError{err}
}

// doctorFlags are the flags of gomeko doctor.
type doctorFlags struct {
	management string
	wait       time.Duration
	json       bool
	strict     bool
}

func (f *doctorFlags) add(cmd *cobra.Command) {
	addManagement(cmd, &f.management)
	cmd.Flags().DurationVar(&f.wait, "wait", time.Second, "`DURATION` to wait for answers of running services")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON object for each finding")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "exit with status 1 for warnings, too")
}

const doctorStatus = "Exit status: 0 without a problem, 1 with one, 2 for a mistake in the command line, and 3 if it could not look, as if\n" +
	"the services do not build."

// doctorCommand is gomeko doctor.
func (c *command) doctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor [PKG[:Service]…]",
		Short: "Look for what is wrong with the broker and the store of jobs, with remedies",
		Long: "Look for what is wrong with the broker and the store of jobs, with remedies.\n\n" +
			"PKG is what gomeko run takes: its services are built and made, but not started, and the broker is asked whether it\n" +
			"will accept what they declare, bind, consume and publish to. Nothing is changed. With --management it also looks\n" +
			"at policies, leftover queues, alarms and limits.\n\n" + doctorStatus,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.examine(cmd.Context(), f, nil)
			}
			program, err := c.buildWithMain(cmd.Context(), args, "which has the command doctor: name the package of the services")
			if err != nil {
				return unable(err)
			}
			return unable(become(program, append([]string{program, "doctor"}, changed(cmd.Flags())...)))
		},
	}
	f.add(cmd)
	return cmd
}

// doctorOwnCommand is the command doctor of a user's program.
func (c *command) doctorOwnCommand(opts []fx.Option) *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with the broker and the store of jobs, with remedies",
		Long: "Look for what is wrong with the broker and the store of jobs, with remedies.\n\n" +
			"The services are made, but not started, and the broker is asked whether it will accept what they declare, bind,\n" +
			"consume and publish to. Nothing is changed. With --management it also looks at policies, leftover queues, alarms\n" +
			"and limits.\n\n" + doctorStatus,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.examine(cmd.Context(), f, opts) },
	}
	f.add(cmd)
	return cmd
}

// examine runs the examination and prints its findings. It includes the services of opts unless
// opts is nil.
func (c *command) examine(ctx context.Context, f doctorFlags, opts []fx.Option) error {
	patient, err := c.patient(f, opts)
	if err != nil {
		return unable(err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := doctor.Examine(ctx, patient)
	if err != nil {
		return unable(err)
	}
	if err := c.printReport(report, f.json); err != nil {
		return unable(err)
	}
	if report.Count(doctor.Problem) > 0 || f.strict && report.Count(doctor.Warning) > 0 {
		return errShown
	}
	return nil
}

// patient returns what to examine.
func (c *command) patient(f doctorFlags, opts []fx.Option) (doctor.Patient, error) {
	p := doctor.Patient{Version: version(), Wait: f.wait}
	api, named, err := managementOf(f.management)
	if err != nil {
		return p, err
	}
	if named {
		p.API = api
	}
	s, err := c.configuration()
	if err != nil {
		return p, err
	}
	if p.Broker, err = c.reach(s, "gomeko doctor"); err != nil {
		return p, err
	}
	if opts != nil {
		services := &process{settings: s, notices: c.notices(), broker: c.broker}
		if err := services.bind(opts); err != nil {
			return p, err
		}
		p.Plans = connection.Plans(services.container.Host())
		say(c.err, "services: %s", strings.Join(services.container.Names(), ", "))
	}
	p.Store, p.Migrated, err = s.examined()
	return p, err
}

// examined returns a function that opens the store of jobs for gomeko doctor, or nil if there is no
// store to examine. migrated reports whether services migrate its tables. It never creates a file.
func (s *settings) examined() (open func(context.Context) (*store.Store, error), migrated bool, err error) {
	uri, err := s.storeURI("")
	if uri == "" && err == nil {
		uri = sqliteScheme + s.storeBeside()
	}
	if err != nil || uri == noStore {
		return nil, false, err
	}
	file, isFile := strings.CutPrefix(uri, sqliteScheme)
	if isFile {
		if _, err := os.Stat(file); err != nil {
			return nil, false, nil
		}
	}
	return func(ctx context.Context) (*store.Store, error) { return connectStore(ctx, uri) }, isFile || s.jobsKeys.Migrate, nil
}

// printReport prints a report: the findings to stdout, and what was examined to stderr.
func (c *command) printReport(r *doctor.Report, asJSON bool) error {
	for i := range r.Findings {
		f := &r.Findings[i]
		for _, text := range []*string{&f.Where, &f.What, &f.Remedy} {
			*text = secret.Mask(*text)
		}
	}
	if asJSON {
		return printLines(printable.NewWriter(c.out, printable.JSON), r.Findings)
	}
	for _, f := range r.Findings {
		if f.Level == doctor.Info {
			say(c.err, "%s: %s", printable.Text(f.Where), printable.Text(f.What))
			continue
		}
		if _, err := fmt.Fprintf(c.out, "%s: %s: %s\n  where:  %s\n", f.Level, f.Check, printable.Text(f.What), printable.Text(f.Where)); err != nil {
			return err
		}
		if f.Remedy != "" {
			if _, err := fmt.Fprintf(c.out, "  remedy: %s\n", printable.Text(f.Remedy)); err != nil {
				return err
			}
		}
	}
	if len(r.Unchecked) > 0 {
		say(c.err, "not checked, because it needs --management URI: %s", strings.Join(r.Unchecked, ", "))
	}
	say(c.err, "problems: %d, warnings: %d", r.Count(doctor.Problem), r.Count(doctor.Warning))
	return nil
}
