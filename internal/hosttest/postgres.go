package hosttest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// A Postgres is a private PostgreSQL server, which the test may stop, kill and start again. Its
// methods must not be called concurrently.
type Postgres struct {
	t       testing.TB
	dir     string
	ready   string // the path of pg_isready
	process *Process
}

// StartPostgres starts an empty PostgreSQL server, and stops it when the test ends. If PostgreSQL
// is not installed, the test is skipped, or fails if CI=true.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_isready")
	if len(all) == 0 {
		Missing(t, "PostgreSQL is not installed: run scripts/setup")
	}
	dir, err := os.MkdirTemp("", "gomeko-postgres") //nolint:usetesting // other users cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &Postgres{t: t, dir: dir, ready: slices.Max(all)}
	p.Start()
	t.Cleanup(p.Stop) // SIGTERM alone would make it wait for its clients
	return p
}

// Dir returns the directory of the server's files and of its socket.
func (p *Postgres) Dir() string { return p.dir }

// URL returns the address of the server's database. It does not change when the server is
// restarted.
func (p *Postgres) URL() string { return "postgres:///postgres?host=" + p.dir + "&user=postgres" }

// Start starts the server with its existing data, and returns when it accepts connections.
func (p *Postgres) Start() {
	p.t.Helper()
	script := filepath.Join(Root(p.t), "scripts", "postgres")
	ctx := context.WithoutCancel(p.t.Context())
	p.process = StartProcess(p.t, exec.CommandContext(ctx, script, "serve", p.dir))
	Eventually(p.t, "PostgreSQL serves", func() bool { return exec.CommandContext(ctx, p.ready, "-q", "-h", p.dir).Run() == nil })
}

// Stop shuts the server down in fast mode, as an operator would, which cuts its connections.
func (p *Postgres) Stop() {
	p.t.Helper()
	p.end(os.Interrupt)
}

// Kill kills the server, so it recovers from a crash at its next start.
func (p *Postgres) Kill() {
	p.t.Helper()
	p.end(syscall.SIGQUIT)
}

func (p *Postgres) end(signal os.Signal) {
	p.t.Helper()
	p.process.Signal(signal)
	p.process.Wait()
}
