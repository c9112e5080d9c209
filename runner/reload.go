package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomeko/gomeko/internal/supervisor"
)

// A reload rebuilds a program when its files change, and replaces the process that runs it.
type reload struct {
	*command

	words   []string // the packages
	watcher *watcher
	env     dotenv
	program string      // the path of the last successful build
	file    os.FileInfo // of the program
	shown   string      // the errors of the last build
}

// reload runs packages with the flags argv until a signal stops it. It replaces the process when
// the packages' files or settings change.
func (c *command) reload(ctx context.Context, words, argv []string) error {
	if !supervisor.Supported {
		return usagef("--reload needs a Unix system")
	}
	r := &reload{command: c, words: words}
	if err := r.env.load(); err != nil {
		return err
	}
	s, err := load(c.config) // again, now with the variables of .env
	if err != nil {
		return err
	}
	if c.broker == "" && s.brokerURI(c.broker) == "" && !listening() {
		c.notices().tell(noBroker, "no broker is named: starting the embedded one", "address", brokerAddress)
		c.broker = embeddedBroker
	}
	if err := r.watch(ctx); err != nil {
		return err
	}
	defer r.watcher.close()
	if !r.first(ctx) {
		return nil
	}
	program := func() supervisor.Program {
		environ := os.Environ()
		if c.broker != "" && c.broker != embeddedBroker {
			environ = append(environ, brokerVariable+"="+c.broker)
		}
		return supervisor.Program{Path: r.program, Args: argv, Environ: environ}
	}
	return c.supervise(ctx, s, program, true, r.follow)
}

// first builds until the build succeeds. It returns false if a signal came before.
func (r *reload) first(ctx context.Context) bool {
	ctx, _, release := untilSignals(ctx, stopSignals()...)
	defer release()
	for !r.build(ctx) {
		r.notices().tell("waiting for a change", "waiting for a change")
		select {
		case <-r.watcher.changes:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// watch starts watching the main modules that contain the packages, and the configuration.
func (r *reload) watch(ctx context.Context) error {
	in := &builder{notices: r.notices()}
	packages, err := in.find(ctx, r.words)
	if err != nil {
		return err
	}
	var folders []string
	for _, p := range packages {
		if p.Module != nil && p.Module.Main {
			folders = append(folders, filepath.Dir(p.Module.GoMod))
		}
	}
	slices.Sort(folders)
	settings := []string{dotenvFile}
	if r.config != "" {
		settings = append(settings, r.config)
	}
	r.watcher, err = watch(slices.Compact(folders), settings)
	return err
}

// A building is a running build.
type building struct {
	cancel context.CancelFunc
	done   chan built // receives one value
}

type built struct{ succeeded, changed bool }

// start starts a build.
func (r *reload) start(ctx context.Context) *building {
	ctx, cancel := context.WithCancel(ctx)
	b, old := &building{cancel, make(chan built, 1)}, r.file
	go func() {
		succeeded := r.build(ctx)
		b.done <- built{succeeded, succeeded && !os.SameFile(old, r.file)}
	}()
	return b
}

// end cancels the build and waits until it has ended.
func (b *building) end() {
	if b != nil {
		b.cancel()
		<-b.done
	}
}

// follow rebuilds the program after each change, and calls roll when the program or its settings
// have changed. A change during a build restarts the build.
func (r *reload) follow(ctx context.Context, roll func()) {
	var settings bool // have changed since the last roll
	var running *building
	defer func() { running.end() }()
	for {
		var done chan built
		if running != nil {
			done = running.done
		}
		select {
		case <-ctx.Done():
			return
		case now := <-r.watcher.changes:
			settings = settings || now.settings
			running.end()
			running = r.start(ctx)
		case b := <-done:
			running.cancel()
			running = nil
			if !b.succeeded || !b.changed && !settings {
				continue
			}
			if err := r.env.load(); err != nil {
				r.notices().tell(err.Error(), "cannot read variables", "err", err)
				continue
			}
			settings = false
			roll()
		}
	}
}

// build builds the program, and reports whether it succeeded. It does not repeat errors that the
// last build had too.
func (r *reload) build(ctx context.Context) bool {
	var report bytes.Buffer
	n := r.notices()
	if n.lines != nil {
		n.lines = &report
	}
	program, err := r.buildTo(ctx, n, r.words, "", nil)
	if ctx.Err() != nil {
		return false // another change has cancelled the build
	}
	if err != nil && !errors.Is(err, errShown) {
		n.report(err.Error())
	}
	if err != nil {
		if text := report.String(); text != r.shown {
			r.shown = text
			r.show(text)
		}
		return false
	}
	r.shown = ""
	info, err := os.Stat(program)
	if err != nil {
		n.report(err.Error())
		r.show(report.String())
		return false
	}
	r.program, r.file = program, info
	r.watcher.embed(r.embedded(ctx))
	return true
}

func (r *reload) show(text string) {
	if n := r.notices(); n.lines != nil {
		_, _ = io.WriteString(n.lines, text)
	}
}

// embedded returns the paths of the files that the packages of the main modules embed.
func (r *reload) embedded(ctx context.Context) (files []string) {
	in := &builder{notices: r.notices()}
	for _, word := range r.words {
		if m := selected.FindStringSubmatch(word); m != nil {
			word = m[1]
		}
		if info, err := os.Stat(word); err == nil && info.IsDir() {
			in.dir, word = word, "."
		}
		out, err := in.output(ctx, "list", "-deps", "-json=Dir,EmbedFiles,Module", word)
		if err != nil {
			continue // the build succeeded before, so a change will be reported next
		}
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				found
				EmbedFiles []string
			}
			if d.Decode(&p) != nil {
				break
			}
			for _, file := range p.EmbedFiles {
				if p.Module != nil && p.Module.Main {
					files = append(files, filepath.Join(p.Dir, file))
				}
			}
		}
	}
	return files
}
