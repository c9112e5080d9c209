package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// errShown is the error of a command that has printed what is wrong.
var errShown = errors.New("shown")

// A builder builds a program from packages.
type builder struct {
	dir  string // where the go command runs
	work string // folder for generated files, removed after the build
	err  io.Writer
}

// build builds the program of words, each PKG or PKG:Service, and returns its path. The user's
// cache folder keeps one program for each such list.
func (c *command) build(ctx context.Context, words []string) (string, error) {
	ctx, stop := signal.NotifyContext(ctx, stopSignals()...)
	defer stop()
	b := &builder{err: c.err}
	packages, err := b.find(ctx, words)
	if err != nil {
		return "", err
	}
	programs, err := programFolder()
	if err != nil {
		return "", err
	}
	b.work, err = os.MkdirTemp(programs, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(b.work)
	args, err := b.arguments(ctx, packages)
	if err != nil {
		return "", err
	}
	say(c.err, "building %s", strings.Join(words, " "))
	name := path.Base(packages[0].ImportPath)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	fresh := filepath.Join(b.work, name)
	if err := b.show(ctx, append([]string{"build", "-o", fresh}, args...)...); err != nil {
		return "", err
	}
	home := filepath.Join(programs, fingerprint(packages))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", err
	}
	// A rename does not disturb a process that runs the program of an earlier build.
	program := filepath.Join(home, name)
	return program, os.Rename(fresh, program)
}

// arguments returns the arguments of go build: the main package, or one that is generated.
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

// show runs the go command and shows its output.
func (b *builder) show(ctx context.Context, args ...string) error {
	cmd := b.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = b.err, b.err
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errShown
	}
	return goError(err)
}

// output runs the go command and returns its standard output. Its standard error is the error.
func (b *builder) output(ctx context.Context, args ...string) ([]byte, error) {
	out, err := b.command(ctx, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return nil, errors.New(strings.TrimSpace(string(exit.Stderr)))
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

// keepPrograms is how long a program is kept after it was last built.
const keepPrograms = 7 * 24 * time.Hour

// programFolder returns the folder of built programs, after it has removed old ones.
func programFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for the program: %w", err)
	}
	programs := filepath.Join(cache, "gomeko", "run")
	entries, _ := os.ReadDir(programs) // fails before the first build
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > keepPrograms {
			_ = os.RemoveAll(filepath.Join(programs, entry.Name()))
		}
	}
	return programs, os.MkdirAll(programs, 0o700)
}

// fingerprint identifies a list of packages and services.
func fingerprint(packages []*found) string {
	hash := sha256.New()
	for _, p := range packages {
		fmt.Fprintln(hash, p.Dir, p.only)
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
