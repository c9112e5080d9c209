package service

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// A RunningCall is a call that has not ended, or whose method still runs.
type RunningCall struct {
	Service string
	Method  string // as in [Call]
	Row     string
	ID      string
	Root    string // the id of the first call of its chain: [Call.Root]
	Began   time.Time

	// State is what the call does: "waiting" for a worker, "running", "lending" its worker because it
	// waits for another call, or "left": the call has ended, but its method still runs.
	State string

	// Stack is the stack of the goroutine that runs the method, without the values of arguments. It
	// is "" while no method runs, or if it was not asked for.
	Stack string
}

// Running returns the running calls, oldest first. With stacks, it stops the process while it takes
// the stacks of all goroutines, which takes some milliseconds for thousands of them.
func (h *Host) Running(stacks bool) []RunningCall {
	var all []listed
	for _, r := range h.container.rows {
		all = r.calls.list(all)
	}
	var taken map[string]string
	if stacks && len(all) > 0 {
		taken = h.container.stacks.take()
	}
	calls := make([]RunningCall, len(all))
	for i, l := range all {
		calls[i] = l.describe()
		if l.goroutine != nil && l.run.row.calls.has(l.run) { // else it may run another call by now
			calls[i].Stack = taken[*l.goroutine]
		}
	}
	slices.SortStableFunc(calls, func(a, b RunningCall) int { return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID)) })
	return calls
}

// A listed is a run, and the number of the goroutine in which its method runs, nil if it does not.
type listed struct {
	run       *run
	goroutine *string
}

func (l listed) describe() RunningCall {
	call := &l.run.call
	return RunningCall{
		Service: call.Service, Method: call.Method, Row: call.Row, ID: call.ID, Root: LoggedID(call.Root()),
		Began: l.run.began, State: l.run.state(),
	}
}

// state is the State of a [RunningCall].
func (t *tenure) state() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return "left"
	case t.stage == lent:
		return "lending"
	case t.stage == holding:
		return "running"
	}
	return "waiting"
}

// A roll is a list of a row's running calls. Adding a call takes no allocation.
type roll struct {
	mu sync.Mutex

	first *run
}

// A place is the place of a run in a [roll].
type place struct {
	on             bool
	next, previous *run
}

func (l *roll) add(c *run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.place = place{on: true, next: l.first}
	if l.first != nil {
		l.first.place.previous = c
	}
	l.first = c
}

func (l *roll) remove(c *run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p := &c.place; {
	case !p.on:
		return
	case p.previous != nil:
		p.previous.place.next = p.next
	default:
		l.first = p.next
	}
	if next := c.place.next; next != nil {
		next.place.previous = c.place.previous
	}
	c.place = place{}
}

func (l *roll) has(c *run) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.place.on
}

// list appends the calls to all.
func (l *roll) list(all []listed) []listed {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.first; c != nil; c = c.place.next {
		entry := listed{run: c}
		if a := c.attempt.Load(); a != nil {
			entry.goroutine = a.goroutine.Load()
		}
		all = append(all, entry)
	}
	return all
}

// take returns the stacks of all goroutines by their numbers, without the values of arguments,
// which may be sensitive.
func (s *stacks) take() map[string]string {
	s.mu.Lock()
	text := allStacks()
	s.mu.Unlock()
	byNumber := map[string]string{}
	for stack := range bytes.SplitSeq(text, []byte("\n\n")) {
		number, _, _ := strings.Cut(strings.TrimPrefix(string(stack), "goroutine "), " ")
		byNumber[number] = withoutArguments(string(stack))
	}
	return byNumber
}

// withoutArguments removes what a stack has in the parentheses after a function.
func withoutArguments(stack string) string {
	var text strings.Builder
	for line := range strings.Lines(stack) {
		if open := strings.LastIndexByte(line, '('); open > 0 && !strings.HasPrefix(line, "\t") && strings.HasSuffix(strings.TrimSuffix(line, "\n"), ")") {
			line = line[:open] + "(…)\n"
		}
		text.WriteString(line)
	}
	return text.String()
}
