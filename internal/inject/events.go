package inject

import (
	"fmt"
	"strings"
	"sync"

	"go.uber.org/fx/fxevent"
)

// events is the logger of an fx application: it logs nothing, and keeps what errors of fx do not tell.
type events struct {
	mu sync.Mutex

	provided []*fxevent.Provided
	running  string  // the hook that runs
	failed   []error // of hooks
}

func (e *events) LogEvent(event fxevent.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch event := event.(type) {
	case *fxevent.Provided:
		e.provided = append(e.provided, event)
	case *fxevent.OnStartExecuting:
		e.running = "start hook of " + owner(event.CallerName)
	case *fxevent.OnStopExecuting:
		e.running = "stop hook of " + owner(event.CallerName)
	case *fxevent.OnStartExecuted:
		e.ended(event.Err)
	case *fxevent.OnStopExecuted:
		e.ended(event.Err)
	}
}

// owner names the function that has appended a hook, without the numbers of literals in it.
func owner(caller string) string { return literal.ReplaceAllString(Short(caller), "") }

// ended is called with mu held.
func (e *events) ended(err error) {
	if err != nil {
		e.failed = append(e.failed, fmt.Errorf("%s: %w", e.running, err))
	}
	e.running = ""
}

// take returns what runs, and what has failed since the last time.
func (e *events) take() (running string, failed []error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	running, failed, e.failed = e.running, e.failed, nil
	return running, failed
}

// providerOf returns the constructor that has put a Provider of f's type into the graph, "" if none has.
func (e *events) providerOf(f *field) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	want := "di.Provider[" + Short(f.typ.String()) + "]"
	for _, p := range e.provided {
		for _, output := range p.OutputTypeNames {
			if Short(output) == want && f.name == "" {
				return Short(strings.TrimSuffix(p.ConstructorName, "()"))
			}
		}
	}
	return ""
}

// nowhere is a printer that prints nothing.
type nowhere struct{}

func (nowhere) Printf(string, ...any) {}
