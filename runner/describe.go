package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/transport"
)

// describeOwnCommand is the command describe of a user's program.
func (c *command) describeOwnCommand(opts []fx.Option) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "describe [SERVICE[.METHOD]]",
		Short: "Describe the services of this program: methods, types, errors, events, routes, timers",
		Long: "Describe the services of this program: methods, types, errors, events, routes, timers.\n\n" +
			"The services are made, but not started, and no broker is needed.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			documents, err := c.describeOwn(opts)
			if err == nil && len(args) == 1 {
				documents, err = selectOwn(documents, args[0])
			}
			if err != nil {
				return err
			}
			return c.printDocuments(documents, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each service")
	return cmd
}

// describeOwn creates the services of opts and describes them.
func (c *command) describeOwn(opts []fx.Option) ([]*contract.Document, error) {
	if err := c.nameBroker(); err != nil {
		return nil, err
	}
	s, err := c.configuration()
	if err != nil {
		return nil, err
	}
	p := &process{settings: s, notices: c.notices(), broker: c.broker}
	if err := p.bind(opts); err != nil {
		return nil, err
	}
	return contract.Of(p.container.Host(), s.serializer("json")), nil
}

// selectOwn returns the document of SERVICE, or the part that describes SERVICE.METHOD.
func selectOwn(documents []*contract.Document, word string) ([]*contract.Document, error) {
	service, method := word, ""
	find := func() int {
		return slices.IndexFunc(documents, func(d *contract.Document) bool { return d.Service == service })
	}
	if find() < 0 {
		if dot := strings.LastIndex(word, "."); dot > 0 {
			service, method = word[:dot], word[dot+1:]
		}
	}
	i := find()
	if i < 0 {
		names := make([]string, len(documents))
		for i, d := range documents {
			names[i] = d.Service
		}
		remedy := "it has " + strings.Join(names, ", ")
		if near := nearest.Likely(service, names); near != "" {
			remedy = "did you mean " + near + "?"
		}
		return nil, usagef("this program has no service %s: %s", service, remedy)
	}
	if method == "" {
		return documents[i : i+1], nil
	}
	one, err := documents[i].Only(method)
	if err != nil {
		return nil, usageError{err}
	}
	return []*contract.Document{one}, nil
}

// printDocuments prints documents for people, or as one JSON object per line.
func (c *command) printDocuments(documents []*contract.Document, asJSON bool) error {
	for i, d := range documents {
		if asJSON {
			var line bytes.Buffer
			e := json.NewEncoder(&line)
			e.SetEscapeHTML(false)
			if err := e.Encode(d); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(c.out, printable.JSON(strings.TrimSuffix(line.String(), "\n"))); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			if _, err := fmt.Fprintln(c.out); err != nil {
				return err
			}
		}
		if err := d.Print(c.out); err != nil {
			return err
		}
	}
	return nil
}

// describePackage builds the program of a package, as gomeko run does, and runs it to describe its
// services.
func (c *command) describePackage(ctx context.Context, word string, flags []string) error {
	program, err := c.buildWithMain(ctx, []string{word}, "which describes services: name the package of the services, or run the program and name the service")
	if err != nil {
		return err
	}
	return become(program, append([]string{program, "describe"}, flags...))
}

// buildWithMain builds the program of packages, which must have the commands of [Main]. The error
// message uses why: what the program is needed for, and what to do without it.
func (c *command) buildWithMain(ctx context.Context, words []string, why string) (program string, err error) {
	b := &builder{notices: c.notices()}
	packages, err := b.find(ctx, words)
	if err != nil {
		return "", err
	}
	for _, p := range packages {
		if p.Name == "main" && !p.callsMain() { // running it could do anything
			return "", fmt.Errorf("%s: its main function does not call runner.Main, %s", p.ImportPath, why)
		}
	}
	return c.build(ctx, words)
}

// runnerPackage is the import path of Main.
const runnerPackage = "github.com/gomeko/gomeko/runner"

// callsMain reports whether a main package uses [Main].
func (p *found) callsMain() (calls bool) {
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return true // the compiler reports the error
		}
		qualifier := qualifierOf(file, runnerPackage)
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Main" {
				x, ok := s.X.(*ast.Ident)
				calls = calls || ok && x.Name == qualifier
			}
			return !calls
		})
	}
	return calls
}

// isPackage reports whether the argument of describe is a package rather than a service.
func isPackage(word string) bool {
	return word == "." || word == ".." || strings.ContainsAny(word, "/"+string(filepath.Separator)) || selected.MatchString(word)
}

// describeRunning asks running processes for the description of SERVICE or SERVICE.METHOD.
func (c *command) describeRunning(ctx context.Context, word string, timeout time.Duration, asJSON bool) error {
	return c.withBroker(ctx, "gomeko describe", func(ctx context.Context, conn *transport.Conn) error {
		var documents []*contract.Document
		var err error
		if dot := strings.LastIndex(word, "."); dot > 0 && dot < len(word)-1 {
			documents, err = fleet.Describe(ctx, conn, word[:dot], timeout)
			documents, err = onlyMethod(documents, word[dot+1:], err)
		}
		if documents == nil { // the name of a service may contain dots, too
			var whole error
			if documents, whole = fleet.Describe(ctx, conn, word, timeout); whole == nil || err == nil {
				err = whole
			}
		}
		if info, stat := os.Stat(word); err != nil && stat == nil && info.IsDir() {
			err = fmt.Errorf("%w; to describe the folder, write ./%s", err, word)
		}
		if err != nil {
			return remoteError{err}
		}
		return c.printDocuments(documents, asJSON)
	})
}

// onlyMethod returns the part of each document that describes a method. Some versions may lack it.
func onlyMethod(documents []*contract.Document, method string, err error) (with []*contract.Document, _ error) {
	for _, d := range documents {
		one, lacks := d.Only(method)
		if lacks == nil {
			with = append(with, one)
		} else if err == nil {
			err = lacks
		}
	}
	if len(with) > 0 {
		return with, nil
	}
	return nil, err
}

func (c *command) describeCommand() *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "describe PKG|SERVICE[.METHOD]",
		Short: "Describe services: methods, types, errors, events, routes, timers",
		Long: "Describe services: methods, types, errors, events, routes, timers.\n\n" +
			"PKG is a folder or an import path, as of gomeko run: it has a / or is a dot. Its services are built and made, but not\n" +
			"started, and no broker is needed. Anything else is a service that runs: one process of each version of it is asked.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("describe: what? Name a folder, as in gomeko describe ./orders, or a service that runs, as in gomeko describe orders")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if isPackage(args[0]) {
				return c.describePackage(cmd.Context(), args[0], changed(cmd.Flags(), "timeout"))
			}
			return c.describeRunning(cmd.Context(), args[0], timeout, asJSON)
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Second, "`DURATION` to wait for the answer of a process")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each service")
	return cmd
}
