package inject

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.uber.org/fx/fxevent"
)

// events is the logger of an fx application. It logs nothing, but keeps information that is missing
// in fx's errors.
type events struct {
	mu sync.Mutex

	provided []*fxevent.Provided
	supplied []string // names of types
	start    *startContext
	running  string  // the running hook
	failed   []error // of hooks
}

// LogEvent implements fxevent.Logger.
func (e *events) LogEvent(event fxevent.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch event := event.(type) {
	case *fxevent.Provided:
		e.provided = append(e.provided, event)
	case *fxevent.Supplied:
		e.supplied = append(e.supplied, event.TypeName)
	case *fxevent.RollingBack:
		e.start.rollBack()
	case *fxevent.RolledBack:
		e.start.rolledBack()
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

// owner returns the name of the function that appended a hook, without the suffix of function
// literals.
func owner(caller string) string { return literal.ReplaceAllString(Short(caller), "") }

// begin is called before the start hooks run.
func (e *events) begin(c *startContext) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.start = c
}

// ended is called with mu held.
func (e *events) ended(err error) {
	if err != nil {
		e.failed = append(e.failed, fmt.Errorf("%s: %w", e.running, err))
	}
	e.running = ""
}

// take returns the running hook, and the errors of hooks since the last call.
func (e *events) take() (running string, failed []error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	running, failed, e.failed = e.running, e.failed, nil
	return running, failed
}

// perCallProviderOf returns the constructor that was passed to fx.Provide and returns a di.Provider
// of f's type, or "".
func (e *events) perCallProviderOf(f *field) string {
	if f.name != "" {
		return ""
	}
	return e.constructorOf("di.Provider[" + Short(f.typ.String()) + "]")
}

// providerOf returns the constructor of a type with t's name, "fx.Supply" if such a value is
// supplied, or "".
func (e *events) providerOf(t reflect.Type) string {
	e.mu.Lock()
	supplied := slices.Contains(e.supplied, t.String())
	e.mu.Unlock()
	if supplied {
		return "fx.Supply"
	}
	return e.constructorOf(Short(t.String()))
}

// constructorOf returns the constructor that was passed to fx.Provide and returns a type with that
// short name, or "".
func (e *events) constructorOf(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.provided {
		for _, output := range p.OutputTypeNames {
			if Short(output) == name {
				return Short(strings.TrimSuffix(p.ConstructorName, "()"))
			}
		}
	}
	return ""
}

// nowhere is an fx.Printer that prints nothing.
type nowhere struct{}

func (nowhere) Printf(string, ...any) {}
