package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.starlark.net/starlark"
)

// modules holds the files that load has run, by path. A file that is still running has no globals
// yet.
type modules map[string]*module

type module struct {
	globals starlark.StringDict
	err     error
	done    bool
}

// load implements load("lib.star", "f"): it runs a file once. The path is relative to the file that
// loads it; for typed lines and standard input, to the working directory.
func (s *Shell) load(thread *starlark.Thread, name string) (starlark.StringDict, error) {
	path := name
	if !filepath.IsAbs(path) {
		from, _ := thread.Local(fileKey).(string)
		path = filepath.Join(filepath.Dir(from), name)
	}
	key, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if m := s.modules[key]; m != nil {
		if !m.done {
			return nil, errors.New("the files load each other: move what both need into a third file")
		}
		return m.globals, m.err
	}
	m := &module{}
	s.modules[key] = m
	m.globals, m.err = s.runModule(thread, path)
	m.done = true
	if m.err != nil {
		delete(s.modules, key) // the user may fix it and load it again
	}
	return m.globals, m.err
}

// runModule runs a file with n and the builtins, but without the variables of the loading file.
func (s *Shell) runModule(loader *starlark.Thread, path string) (starlark.StringDict, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	session, line := loader.Local(sessionKey).(context.Context), loader.Local(lineKey).(context.Context)
	thread, release := s.newThread(session, line, path)
	defer release()
	globals, err := starlark.ExecFileOptions(options(), thread, path, text, s.builtins())
	switch {
	case errors.Is(err, errExit):
		return nil, errExit
	case line.Err() != nil:
		return nil, errors.New("interrupted")
	case err != nil:
		return nil, fmt.Errorf("%w", explain(err, string(text), true))
	}
	return globals, nil
}
