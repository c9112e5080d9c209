package runner

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// tokenVariable is the environment variable for the flag --token.
const tokenVariable = "GOMEKO_PANEL_TOKEN"

// runTime limits how long it may take to end a cancelled run and record the outcome.
const runTime = 10 * time.Second

// runFlags are the flags of gomeko panel run.
type runFlags struct {
	token    string
	store    string
	detached bool
	yes      bool
}

func (p *panelCommand) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SERVICE.NAME [KEY=VALUE…]",
		Short: "Run a row as its page in the control panel does, and print the result as JSON",
		Long: "Run a row as its page in the control panel does, and print the result as JSON: with the same permissions, in the same\n" +
			"history and audit trail. NAME is that of the row, or that for callers.\n\n" +
			"It runs as the user of a token, which gomeko panel user token NAME prints. It is read from " + tokenVariable + ",\n" +
			"or from --token @FILE. Values are written as for gomeko call. An interrupt cancels a call; a job goes on.",
		Args: func(cmd *cobra.Command, args []string) error {
			_, _, err := jobArgument(cmd, args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := runRequest(cmd, args)
			if err != nil {
				return err
			}
			return p.run(cmd.Context(), &f, q)
		},
	}
	cmd.Flags().StringVar(&f.token, "token", "", "`TOKEN` of the user, or @FILE to read it from a file")
	cmd.Flags().StringVar(&f.store, "store", "", "`URI` of the store of jobs (default: gomeko.jobs.store of the configuration)")
	cmd.Flags().BoolVar(&f.detached, "detach", false, "print the ID of the run, and do not wait for the end of a job")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "do not ask to confirm")
	return cmd
}

// runRequest returns the request that the arguments describe.
func runRequest(cmd *cobra.Command, args []string) (q run.Request, err error) {
	if q.Service, q.Row, err = jobArgument(cmd, args); err != nil {
		return q, err
	}
	values := map[string]any{}
	for _, one := range arguments(args[1:]) {
		named, ok := one.(rpc.Kwargs)
		if !ok {
			return q, usagef("panel run: %v: must be KEY=VALUE, as in test_only=true", one)
		}
		for i := 0; i+1 < len(named); i += 2 {
			name, _ := named[i].(string)
			if _, twice := values[name]; twice {
				return q, usagef("panel run: %s is given twice", name)
			}
			values[name] = named[i+1]
		}
	}
	q.Arguments, err = json.Marshal(values)
	return q, err
}

// run runs a row.
func (p *panelCommand) run(ctx context.Context, f *runFlags, q run.Request) error {
	token, err := secretValue("--token", tokenVariable, f.token)
	if err != nil {
		return usageError{err}
	}
	if token == "" {
		return usagef("panel run: who are you? Set %s to a token, as gomeko panel user token NAME prints it", tokenVariable)
	}
	s, err := p.configuration()
	if err != nil {
		return err
	}
	return p.withDatabase(ctx, s, func(ctx context.Context, accounts *account.Accounts, db *sql.DB, dialect account.Dialect) error {
		who := run.Who{Address: operator().Name}
		if who.User, err = accounts.UserOf(ctx, token, who.Address); err != nil {
			return err
		}
		return p.withBrokerOf(ctx, s, "gomeko panel", func(ctx context.Context, conn *transport.Conn) error {
			cfg := run.Config{DB: db, Dialect: dialect, Accounts: accounts, Conn: conn, RPC: s.rpc(), Logger: slog.Default()}
			if keys, err := s.panelKeys.config(accounts, db); err != nil {
				return err
			} else if cfg.Key = keys.Key; cfg.Key == nil {
				if cfg.Key, err = panel.GrantKey(ctx, accounts); err != nil {
					return err
				}
			}
			if cfg.Jobs, err = s.storeOfJobs(ctx, f.store, checked); err != nil {
				return err
			}
			if cfg.Jobs != nil {
				defer cfg.Jobs.Close()
			}
			return p.runIn(ctx, cfg, who, q, f)
		}, stopSignals()...)
	})
}

// runIn runs a row with a configuration.
func (p *panelCommand) runIn(ctx context.Context, cfg run.Config, who run.Who, q run.Request, f *runFlags) (err error) {
	runs, err := run.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTime)
		defer cancel()
		err = errors.Join(err, runs.Close(limited))
	}()
	if !f.yes {
		if err := p.confirmRun(ctx, runs, q); err != nil {
			return err
		}
	}
	x, err := runs.Start(ctx, who, q)
	if err != nil {
		return err
	}
	if f.detached && x.Kind == run.Job {
		_, err = fmt.Fprintln(p.out, x.ID)
		return err
	}
	last, err := p.followRun(ctx, runs, who, x)
	if err != nil {
		return err
	}
	return p.reportRun(ctx, runs, who, last)
}

// confirmRun asks for confirmation if the row's tag has confirm.
func (p *panelCommand) confirmRun(ctx context.Context, runs *run.Runs, q run.Request) error {
	row, err := runs.Row(ctx, q.Service, q.Row)
	if err != nil || !row.Confirm {
		return nil // Start reports the mistake
	}
	name := q.Service + "." + row.Name
	if !isTerminal(p.in) {
		return usagef("panel run: %s asks to confirm: add --yes", name)
	}
	say(p.err, "run %s with %s? Type yes", cmp.Or(row.Title, name), q.Arguments)
	var answer string
	if _, err := fmt.Fscanln(p.in, &answer); err != nil || answer != "yes" {
		return fmt.Errorf("%s is not run: the answer was not yes", name)
	}
	return nil
}

// followRun prints the progress of a run until it has ended. If ctx ends first, it cancels a call,
// but leaves a job running.
func (p *panelCommand) followRun(ctx context.Context, runs *run.Runs, who run.Who, x *run.Run) (*run.Run, error) {
	states, err := runs.Watch(ctx, who, x.ID)
	if err != nil {
		return nil, err
	}
	told := ""
	for x = range states {
		line := string(x.State)
		switch {
		case x.State.Final():
			continue
		case !x.Unserved.IsZero():
			line += ": no worker has served it since " + local(x.Unserved, "")
		case x.Text != "" || x.Progress > 0:
			line += fmt.Sprintf(": %.0f %% %s", 100*x.Progress, x.Text)
		}
		if line != told && x.Kind == run.Job {
			say(p.err, "%s", printable.Text(strings.TrimSpace(line)))
		}
		told = line
	}
	if x.State.Final() {
		return x, nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), runTime)
	defer cancel()
	if x.Kind == run.Job {
		return nil, fmt.Errorf("the job goes on: it is the run %s in the control panel", x.ID)
	}
	if err := runs.Cancel(limited, who, x.ID); err != nil && !errors.Is(err, run.ErrEnded) {
		return nil, err
	}
	return runs.Wait(limited, who, x.ID)
}

// reportRun prints the result of a finished run, or returns its error.
func (p *panelCommand) reportRun(ctx context.Context, runs *run.Runs, who run.Who, x *run.Run) error {
	if x.State != run.Succeeded {
		text := string(x.State)
		if x.ErrorType != "" {
			text += ": " + x.ErrorType
		}
		return remoteError{fmt.Errorf("%s.%s %s: %s (call id %s)", x.Service, x.Row, text, x.Error, x.CallID)}
	}
	result, err := runs.Result(ctx, who, x.ID)
	if err != nil || result == nil {
		return err
	}
	return p.printResult(result)
}
