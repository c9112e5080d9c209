package shell

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/gomeko/gomeko/rpc"
	gomeko "github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Shell runs Starlark programs that call services (n.rpc) and dispatch events (n.dispatch_event).
// Caller, Conn, Stdout and Stderr are required. Only one goroutine may use it at a time.
type Shell struct {
	Caller *rpc.Caller     // makes the calls; the shell does not close it
	Conn   *transport.Conn // dispatches the events; the shell does not close it
	Config map[string]any  // n.config, without secrets because it can be printed
	Data   map[string]any  // n.data at first: context data of each call; bools, numbers and strings
	Args   []string        // argv
	Broker string          // the broker in the banner, without its password

	Stdout io.Writer // results and the output of print
	Stderr io.Writer // errors and the banner of the interactive shell
	Notes  *Notes    // the writer of the process's log, held while a line is typed; nil without one

	globals    starlark.StringDict
	modules    modules
	directory  *directory
	data       *starlark.Dict  // n.data
	completing bool            // attributes must not ask the fleet
	terminal   *terminal       // nil without a terminal
	line       context.Context // of the program or line being run, because attributes get no thread
	above      string          // the lines of the statement above the one being typed
}

// Script runs the program in src until its end or its first error. Errors begin with name and the
// line number. If ctx ends, so do the program and the call that it waits for.
func (s *Shell) Script(ctx context.Context, name string, src io.Reader) error {
	data, err := io.ReadAll(src)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	s.Stdout = guarded(s.Stdout)
	ctx, end := s.begin(ctx)
	defer end()
	text := string(data)
	file, err := options().Parse(name, text, 0)
	if err != nil {
		return explain(err, text, true)
	}
	err = s.exec(ctx, ctx, name, file)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: interrupted", name)
	}
	return explain(err, text, true)
}

// begin sets the shell's globals. session is the context of calls made with call_async. After end,
// the shell does not wait for their replies, but the services still run them.
func (s *Shell) begin(ctx context.Context) (session context.Context, end func()) {
	session, cancel := context.WithCancelCause(ctx)
	s.directory, s.data, s.modules = newDirectory(session, s.Conn), newData(s.Data), modules{}
	s.globals = s.builtins()
	return session, func() {
		cancel(gomeko.ErrReturned)
		s.directory.close()
	}
}

// builtins returns the names that every program has: n, argv and the functions.
func (s *Shell) builtins() starlark.StringDict {
	exit := starlark.NewBuiltin("exit", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return nil, errExit
	})
	argv := make([]starlark.Value, len(s.Args))
	for i, arg := range s.Args {
		argv[i] = starlark.String(arg)
	}
	return starlark.StringDict{
		"n":     nameko{"n", s},
		"argv":  starlark.NewList(argv),
		"print": starlark.NewBuiltin("print", s.print),
		"help":  starlark.NewBuiltin("help", s.help),
		"table": starlark.NewBuiltin("table", toTable),
		"time":  starlark.NewBuiltin("time", s.time),
		"watch": starlark.NewBuiltin("watch", s.watch),
		"str":   starlark.NewBuiltin("str", toStr),
		"repr":  starlark.NewBuiltin("repr", toRepr),
		"exit":  exit,
		"quit":  exit,
	}
}

// errExit ends the shell or the script; it is not a failure.
var errExit = errors.New("exit")

// options enables Starlark's optional features.
func options() *syntax.FileOptions {
	return &syntax.FileOptions{
		Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true, LoadBindsGlobally: true,
	}
}

// exec runs the statements of a file, or of a typed line if name is "".
func (s *Shell) exec(session, line context.Context, name string, file *syntax.File) error {
	thread, release := s.newThread(session, line, name)
	defer release()
	postpone(file)
	return starlark.ExecREPLChunk(file, thread, s.globals)
}

// eval evaluates an expression and assigns the value to _.
func (s *Shell) eval(session, line context.Context, expr syntax.Expr) (starlark.Value, error) {
	thread, release := s.newThread(session, line, "")
	defer release()
	postpone(expr)
	v, err := starlark.EvalExprOptions(options(), thread, expr, s.globals)
	if err != nil {
		return nil, err
	}
	s.globals["_"] = v
	return v, nil
}

// A thread has two contexts: that of the line or script it runs, and that of call_async, which
// lasts as long as the session. It also has the path of the file it runs, or "".
const (
	lineKey    = "line"
	sessionKey = "session"
	fileKey    = "file"
)

// newThread returns a thread that stops when line ends, and a function that releases it.
func (s *Shell) newThread(session, line context.Context, file string) (thread *starlark.Thread, release func() bool) {
	thread = &starlark.Thread{Name: "shell", Load: s.load}
	thread.SetLocal(sessionKey, session)
	thread.SetLocal(lineKey, line)
	thread.SetLocal(fileKey, file)
	s.line = line
	return thread, context.AfterFunc(line, func() { thread.Cancel("interrupted") })
}

func (s *Shell) print(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep, end := " ", "\n"
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "sep?", &sep, "end?", &end); err != nil {
		return nil, err
	}
	var line []byte
	for i, arg := range args {
		if i > 0 {
			line = append(line, sep...)
		}
		line = append(line, str(arg)...)
	}
	_, err := s.Stdout.Write(append(line, end...))
	return starlark.None, err
}
