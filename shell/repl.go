package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/peterh/liner"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

const (
	firstPrompt = ">>> "
	nextPrompt  = "... "
)

// A prompter reads lines from the terminal. It is a [liner.State] except in tests.
type prompter interface {
	Prompt(prompt string) (string, error)
	AppendHistory(line string)
}

// loop reads, evaluates and prints until exit() is called, session ends or reading fails. Ctrl-D is
// io.EOF.
func (s *Shell) loop(session context.Context, lines prompter) error {
	for session.Err() == nil {
		err := s.turn(session, lines)
		switch {
		case errors.Is(err, errExit):
			return nil
		case errors.Is(err, liner.ErrPromptAborted):
			fmt.Fprintln(s.Stdout)
		case err != nil:
			return err
		}
	}
	return nil
}

// turn reads one statement and runs it. It prints the statement's errors; it returns errors of
// reading, and errExit.
func (s *Shell) turn(session context.Context, lines prompter) error {
	var (
		text   strings.Builder
		ending error
		prompt = firstPrompt
	)
	file, err := options().ParseCompoundStmt("shell", func() ([]byte, error) {
		s.above = text.String()
		s.Notes.hold(true)
		line, err := lines.Prompt(prompt)
		s.Notes.hold(false)
		if err != nil {
			ending = err
			return nil, err
		}
		if strings.TrimSpace(line) != "" {
			lines.AppendHistory(line)
		}
		prompt = nextPrompt
		text.WriteString(line + "\n")
		return []byte(line + "\n"), nil
	})
	if ending != nil {
		return ending
	}
	if err == nil {
		err = s.run(session, file)
	} else if _, whole := options().Parse("shell", text.String(), 0); whole != nil {
		err = whole // has more detail
	}
	if errors.Is(err, errExit) {
		return errExit
	}
	if err := explain(err, text.String(), false); err != nil {
		fmt.Fprintln(s.Stderr, err)
	}
	return nil
}

// run runs a statement, or prints the value of an expression. Ctrl-C ends it.
func (s *Shell) run(session context.Context, file *syntax.File) error {
	line, stop := signal.NotifyContext(session, os.Interrupt)
	defer stop()
	expr, ok := soleExpr(file)
	if !ok {
		return interrupted(line, s.exec(session, line, "", file))
	}
	v, err := s.eval(session, line, expr)
	if err != nil {
		return interrupted(line, err)
	}
	if st, ok := v.(*stream); ok {
		return interrupted(line, s.printStream(st))
	}
	if v == starlark.None {
		return nil
	}
	width := 0
	if s.terminal != nil {
		width, _ = s.terminal.size()
	}
	return s.show(line, pretty(v, width))
}

// interrupted returns err, or "interrupted" if line has ended.
func interrupted(line context.Context, err error) error {
	if err != nil && line.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func soleExpr(file *syntax.File) (syntax.Expr, bool) {
	if len(file.Stmts) != 1 {
		return nil, false
	}
	stmt, ok := file.Stmts[0].(*syntax.ExprStmt)
	if !ok {
		return nil, false
	}
	return stmt.X, true
}
