package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/scaffold"
)

func (c *command) newCommand() *cobra.Command {
	var made scaffold.Service
	var with []string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a folder with a new service, its test and what it needs to be built and run",
		Long: "Make a folder with a new service, its test and what it needs to be built and run.\n\n" +
			"NAME is the folder, and its last part is the name of the service. The folder is a module of its own, with a\n" +
			"configuration file, a Dockerfile and a compose file. --with adds to the service:\n\n" +
			"  http      a route\n" +
			"  events    an event that it dispatches and handles\n" +
			"  jobs      background work with a record\n" +
			"  postgres  a store in PostgreSQL\n\n" +
			"go mod tidy then adds the requirements, for which it may need the network.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("new: which service? Give one name, as in gomeko new orders")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			made.Name = filepath.Base(filepath.Clean(args[0]))
			if err := made.Check(); err != nil {
				return usageError{err}
			}
			for _, feature := range with {
				if err := made.With(feature); err != nil {
					return usagef("--with %w", err)
				}
			}
			return c.makeService(cmd.Context(), args[0], &made)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&with, "with", nil, "`FEATURES`, separated by commas: "+strings.Join(scaffold.Features, ", "))
	flags.StringVar(&made.Module, "module", "", "`PATH` of the module, such as example.com/orders (default: the service's name)")
	flags.StringVar(&made.Clone, "clone", "", "`FOLDER` of a clone of gomeko to build with, in place of a released version")
	return cmd
}

// makeService writes the folder of a service.
func (c *command) makeService(ctx context.Context, dir string, made *scaffold.Service) (err error) {
	if made.Version, err = gomekoVersion(made.Clone); err != nil {
		return err
	}
	if made.Clone != "" {
		if made.Clone, err = cloneFrom(dir, made.Clone); err != nil {
			return err
		}
	}
	written, err := made.Write(dir)
	if err != nil {
		return err
	}
	b := &builder{dir: dir, notices: c.notices()}
	b.tell("go mod tidy in "+dir, "go mod tidy", "folder", dir)
	if _, err := b.output(ctx, "mod", "tidy"); err != nil {
		return fmt.Errorf("go mod tidy: %w\nthe files are in %s: run go mod tidy there once that is mended", err, dir)
	}
	say(c.out, "%[1]s has %[2]s, go.sum\n\n"+
		"  cd %[1]s\n"+
		"  go test ./...\n"+
		"  go tool gomeko run . --config config.yaml\n\n"+
		"and then, in a second terminal:\n\n"+
		"  go tool gomeko call %[3]s.hello name=Ana", dir, strings.Join(written, ", "), made.Service())
	return nil
}

// cloneFrom returns the folder of the clone for the go.mod in dir: a relative path if clone is one.
func cloneFrom(dir, clone string) (string, error) {
	if _, err := os.Stat(filepath.Join(clone, "go.mod")); err != nil {
		return "", usagef("--clone %s: must be the folder of a clone of gomeko: %w", clone, err)
	}
	if filepath.IsAbs(clone) {
		return clone, nil
	}
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(clone)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// released matches the versions that the go command can fetch; builds with local changes have
// others.
var released = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// gomekoVersion returns the version of gomeko that new modules require: the version of this
// program.
func gomekoVersion(clone string) (string, error) {
	if clone != "" {
		return "v0.0.0", nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == gomekoModule && m.Replace == nil && released.MatchString(m.Version) {
				return m.Version, nil
			}
		}
	}
	return "", usagef("this gomeko was built in a clone, so it has no version that a module can require: name the clone with --clone FOLDER")
}
