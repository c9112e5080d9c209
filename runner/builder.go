package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// errShown is returned after a command has printed its error.
var errShown = errors.New("shown")

// A builder builds a program from packages.
type builder struct {
	dir    string         // where the go command runs
	folder *programFolder // of the program and the generated files
	notices
}

// build builds the program for words, each PKG or PKG:Service, and returns its path. The user's
// cache keeps one program for each such list; it is linked again only if something has changed.
func (c *command) build(ctx context.Context, words []string) (string, error) {
	return c.buildTo(ctx, c.notices(), words, "", nil)
}

// buildTo is like build, but writes the program to a file; "" means the cache. It calls flags with
// the folder of the first package to get further flags for go build.
func (c *command) buildTo(ctx context.Context, n notices, words []string, program string, flags func(dir string) []string) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
	defer stop()
	b := &builder{notices: n}
	packages, err := b.find(ctx, words)
	if err != nil {
		return "", err
	}
	if b.folder, err = programFolderOf(packages); err != nil {
		return "", err
	}
	unlock, err := lock(b.folder.file("lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	args, err := b.arguments(ctx, packages)
	if err != nil {
		return "", err
	}
	b.tell("building "+strings.Join(words, " "), "building", "packages", words)
	if program == "" {
		program = b.cached(packages[0])
	}
	if flags != nil {
		args = append(flags(packages[0].Dir), args...)
	}
	return program, b.compile(ctx, append([]string{"build", "-v", "-o", program}, args...)...)
}

// cached returns the path of the program in the cache. The go command renames what it has built, so
// a process that still runs an earlier build is not disturbed.
func (b *builder) cached(first *found) string {
	name := path.Base(first.ImportPath)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(b.folder.path, "bin", name)
}

// arguments returns the arguments for go build: the main package, or a generated one.
func (b *builder) arguments(ctx context.Context, packages []*found) ([]string, error) {
	for _, p := range packages {
		switch {
		case p.Name != "main":
		case len(packages) > 1:
			return nil, usagef("%s is a main package: run it without other packages", p.ImportPath)
		case len(p.only) > 0:
			return nil, usagef("%s is a main package, which decides what it runs: remove :%s", p.ImportPath, p.only[0])
		default:
			return []string{p.ImportPath}, nil
		}
	}
	return b.generate(ctx, packages)
}

// compile runs go build -v. It prints what the compiler reports and, if the build takes long, the
// number of packages built so far.
func (b *builder) compile(ctx context.Context, args ...string) error {
	cmd := b.command(ctx, args...)
	out := &compilerOutput{builder: b}
	cmd.Stdout, cmd.Stderr = out, out
	err := out.watch(cmd.Run)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errShown
	}
	return goError(err)
}

// output runs the go command and returns its standard output. Its standard error becomes the error.
func (b *builder) output(ctx context.Context, args ...string) ([]byte, error) {
	out, err := b.command(ctx, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return nil, errors.New(strings.TrimSpace(b.fromHere(string(exit.Stderr))))
	}
	return out, goError(err)
}

func (b *builder) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

func goError(err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("gomeko run builds with the go command, which is not in PATH: install Go from go.dev/dl")
	}
	return err
}

// fingerprint identifies a list of packages and services.
func fingerprint(packages []*found) string {
	hash := sha256.New()
	for _, p := range packages {
		fmt.Fprintln(hash, p.Dir, p.only)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
