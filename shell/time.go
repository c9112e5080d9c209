package shell

import (
	"fmt"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// time implements time(f, *args, **kwargs): it calls f, prints how long that took, and returns the
// result.
func (s *Shell) time(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: what? Write time(n.rpc.orders.get(7))", b.Name())
	}
	f, ok := args[0].(starlark.Callable)
	if !ok {
		return nil, fmt.Errorf("%s: a %s cannot be called: write time(n.rpc.orders.get(7)), or time(f, 7)", b.Name(), args[0].Type())
	}
	began := time.Now()
	result, err := starlark.Call(thread, f, args[1:], kwargs)
	if took := span(time.Since(began)); err == nil {
		fmt.Fprintln(s.Stderr, "took", took)
	} else {
		fmt.Fprintln(s.Stderr, "failed after", took)
	}
	return result, err
}

// postpone rewrites time(f(7)) in a program to time(lambda: f(7)). Otherwise, f would run before
// the clock starts.
func postpone(program syntax.Node) {
	syntax.Walk(program, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		name, ok := call.Fn.(*syntax.Ident)
		if arg, isCall := call.Args[0].(*syntax.CallExpr); ok && isCall && name.Name == "time" {
			start, _ := arg.Span()
			call.Args[0] = &syntax.LambdaExpr{Lambda: start, Body: arg}
		}
		return true
	})
}

// span formats a duration with three digits, as in 1.25 ms.
func span(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.3g µs", d.Seconds()*1e6)
}
