package runner

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/supervisor"
)

// killTime is added to the grace period to get the time that a process may take to stop.
const killTime = 10 * time.Second

// processFlags are the flags about processes that a parent keeps running.
type processFlags struct {
	procs   int
	respawn supervisor.Rate
	user    string
}

// processFlagNames are the names of processFlags.
var processFlagNames = []string{"procs", "respawn", "user"}

// addProcesses adds processFlags to a command that runs services.
func (c *command) addProcesses(cmd *cobra.Command) {
	c.processes.respawn = supervisor.DefaultRate
	flags := cmd.Flags()
	flags.IntVar(&c.processes.procs, "procs", 1, "`NUMBER` of processes; with this flag a parent keeps them running, and replaces them one after the other on SIGHUP")
	flags.Var(&c.processes.respawn, "respawn", "`DEATHS/DURATION`: if more processes die within it, the parent stops with the last error; or none")
	flags.StringVar(&c.processes.user, "user", "", "`NAME[:GROUP]` that the processes run as; the parent, which opens their ports, stays who it is")
}

// wantsParent reports whether the flags ask for a parent process. A child process does not become a
// parent.
func (c *command) wantsParent() bool {
	return c.parent == nil && (c.flags.Changed("procs") || c.flags.Changed("respawn") || c.flags.Changed("user"))
}

// checkProcesses validates the flags.
func (c *command) checkProcesses() error {
	if c.processes.procs < 1 {
		return usagef("--procs %d: must be at least 1", c.processes.procs)
	}
	if !supervisor.Supported && c.wantsParent() {
		return usagef("--procs, --respawn and --user need a Unix system")
	}
	return nil
}

// ownProgram returns this program with its original arguments. If its file is replaced, processes
// started after that run the new file.
func (c *command) ownProgram() (func() supervisor.Program, error) {
	path, err := os.Executable()
	return func() supervisor.Program { return supervisor.Program{Path: path, Args: c.args, Environ: os.Environ()} }, err
}

// A prefixed writes lines with the name of the process that they are from.
type prefixed struct {
	io.Writer

	prefix string
}

// Write writes p, which is one whole line.
func (w prefixed) Write(p []byte) (int, error) {
	_, err := w.Writer.Write(append([]byte(w.prefix), p...))
	return len(p), err
}

// untilGone returns a ctx that also ends when this process's parent dies.
func untilGone(ctx context.Context, parent *supervisor.Parent) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if parent != nil {
		go func() {
			select {
			case <-parent.Gone():
				cancel(errors.New("the parent process has ended"))
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}
