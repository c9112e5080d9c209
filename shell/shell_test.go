package shell_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/shell"
)

func TestScript(t *testing.T) {
	t.Parallel()
	caller := host(t, new(Greeter), &Desk{Waiting: make(chan struct{}, 1)}, new(Counting))
	config := map[string]any{"AMQP_URI": "amqp://", "max_workers": 5, "list": []any{1.5, nil, true}}
	for name, test := range map[string]struct{ script, out, err string }{
		"keyword":      {script: `print(n.rpc.greeting_service.hello(name="Julio"))`, out: "Hello, Julio!\n"},
		"positional":   {script: `print(repr(n.rpc.greeting_service.hello("Ju'lio")))`, out: `"Hello, Ju'lio!"` + "\n"},
		"no echo":      {script: `n.rpc.greeting_service.hello("Julio")`},
		"item":         {script: `print(n.rpc["help.desk"].echo(7))`, out: "7\n"},
		"async":        {script: `r = n.rpc.greeting_service.hello.call_async("x"); print(r.result(), r.result())`, out: "Hello, x! Hello, x!\n"},
		"many async":   {script: "rs = [n.rpc['help.desk'].echo.call_async(i) for i in range(50)]\nprint([r.result() for r in rs] == list(range(50)))", out: "True\n"},
		"left behind":  {script: `n.rpc["help.desk"].wait.call_async()`},
		"config":       {script: `print(n.config["max_workers"], n.config)`, out: "5 {'AMQP_URI': 'amqp://', 'list': [1.5, None, True], 'max_workers': 5}\n"},
		"control":      {script: "total = 0\nwhile total < 3:\n  total += 1\nfor i in range(2):\n  if i:\n    print(i, total)", out: "1 3\n"},
		"functions":    {script: "def f(n):\n  return 1 if n < 2 else n * f(n-1)\nprint(f(5), (lambda x: x + 1)(1))", out: "120 2\n"},
		"print":        {script: `print("a", 1, sep="-", end="."); print(); print("é", [str(1.0), '"'])`, out: "a-1.\né ['1.0', '\"']\n"},
		"exit":         {script: "exit()\nprint(1)"},
		"remote error": {script: "x = 1\nn.rpc['help.desk'].fail()\nprint(x)", err: "job:2: ValueError: bad value"},
		"async error":  {script: "r = n.rpc['help.desk'].fail.call_async()\nr.result()", err: "job:2: ValueError: bad value"},
		"no service":   {script: `n.rpc.nobody.hello()`, err: "job:1: UnknownService: Unknown service `nobody`"},
		"no method":    {script: `n.rpc.greeting_service.bye()`, err: "job:1: MethodNotFound: bye"},
		"signature":    {script: `n.rpc.greeting_service.hello()`, err: "job:1: IncorrectSignature: hello() missing 1 required positional argument: 'name'"},
		"within":       {script: "def f():\n  return 1 // 0\nf()", err: "job:2: floored division by zero"},
		"set":          {script: `n.rpc.a.b(x=set([1]))`, err: "job:1: n.rpc.a.b: argument x: a set cannot be sent; make it a list: list(…)"},
		"function":     {script: `n.rpc.a.b(1, print)`, err: "job:1: n.rpc.a.b: argument 2: a builtin_function_or_method cannot be sent; strings, numbers, bools, None, lists and dicts can"},
		"cycle":        {script: "l = []\nl.append(l)\nprint(l)\nn.rpc.a.b(l)", out: "[[...]]\n", err: "job:4: n.rpc.a.b: argument 1: a value that contains itself cannot be sent"},
		"tuple key":    {script: `n.rpc.a.b({(1,): 2})`, err: "job:1: n.rpc.a.b: argument 1: a dict with the key (1,) cannot be sent: keys are strings or numbers"},
		"n":            {script: `n.dispatch("x")`, err: "job:1: n has no dispatch; it has rpc, services, dispatch_event, data and config"},
		"dotted":       {script: `n.rpc.help.desk.echo(1)`, err: `job:1: n.rpc.help.desk is a method and has no echo; write a service with a dot in its name as n.rpc["help.desk"]`},
		"a stream":     {script: "for n in n.rpc.counting.count(3):\n  print(n)", out: "0\n1\n2\n"},
		"a list of it": {script: "print(list(n.rpc.counting.count(2)), list(n.rpc.counting.count(0)))", out: "[0, 1] []\n"},
		"not to end":   {script: "for i in n.rpc.counting.count(100000):\n  if i == 5:\n    break\nprint(i)", out: "5\n"},
		"its error":    {script: "for i in n.rpc.counting.count(-2):\n  pass", err: "job:1: ValueError: negative"},
		"of the call":  {script: "n.rpc.counting.count(-1)", err: "job:1: ValueError: negative"},
		"empty":        {},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := &shell.Shell{Caller: caller, Config: config, Stdout: &out}
			err := s.Script(t.Context(), "job", strings.NewReader(test.script))
			if got := message(err); got != test.err {
				t.Errorf("got the error %q, want %q", got, test.err)
			}
			if out.String() != test.out {
				t.Errorf("got %q, want %q", out.String(), test.out)
			}
		})
	}
}

// Values come back as they were sent, and are shown as in Python.
func TestValues(t *testing.T) {
	t.Parallel()
	caller := host(t, &Desk{})
	for value, want := range map[string]string{
		`None`:                                `None`,
		`[True, False]`:                       `[True, False]`,
		`12345678901234567890123`:             `12345678901234567890123`,
		`-0`:                                  `0`,
		`[2.0, 0.1, 1e16, 1e-5, 1.5e300]`:     `[2.0, 0.1, 1e+16, 1e-05, 1.5e+300]`,
		`[123456789012345.0, 0.0001, -0.0]`:   `[123456789012345.0, 0.0001, -0.0]`,
		`[float("nan"), {"a": float("inf")}]`: `[nan, {'a': inf}]`,
		`float("-inf")`:                       `-inf`,
		`"it's"`:                              `"it's"`,
		`"it's \"so\""`:                       `'it\'s "so"'`,
		`"a\n\t\\\x00\u200b\U0001f600é"`:      `'a\n\t\\\x00\u200b😀é'`,
		`"<&>"`:                               `'<&>'`,
		`(1, ())`:                             `[1, []]`,
		`{"b": 1, "a": {"z": [], "c": {}}}`:   `{'b': 1, 'a': {'z': [], 'c': {}}}`,
		`{1: "int", True: 2, None: 3}`:        `{'1': 'int', 'true': 2, 'null': 3}`,
	} {
		var out strings.Builder
		s := &shell.Shell{Caller: caller, Stdout: &out}
		script := `print(repr(n.rpc["help.desk"].echo(` + value + `)))`
		if err := s.Script(t.Context(), "job", strings.NewReader(script)); err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestInstead(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"import json":               "there is no import; ",
		"from x import y":           "there is no import; ",
		"try:\n  f()\nexcept:\n  x": "there is no try; ",
		"raise ValueError('x')":     "there is no raise; ",
		"class A:\n  pass":          "there is no class; ",
		"with f() as x:\n  pass":    "there is no with; ",
		"def f():\n  yield 1":       "there is no yield; ",
		"async def f(): pass":       "there is no async; ",
		"del x[1]":                  "there is no del; ",
		"print(1 is 1)":             "there is no is; ",
		"2 ** 3":                    "there is no **; ",
		"global x":                  "there is no global; ",
		"assert 1":                  "there is no assert; ",
		"print(f'{x}')":             "there are no f-strings; ",
		"{1, 2}":                    "there are no sets in braces; ",
		"@f\ndef g(): pass":         "there are no decorators; ",
		"print 'x'":                 "print is a function; ",
		"open('x')":                 "there are no files; ",
		"sum([1])":                  "there is no sum; ",
		"orders":                    "NameError: orders is not defined; to call a service, write n.rpc.orders",
		"x = (1":                    "syntax error: ",
	} {
		err := new(shell.Shell).Script(t.Context(), "job", strings.NewReader(script))
		got := message(err)
		if at, text, _ := strings.Cut(got, ": "); !strings.HasPrefix(text, want) || !strings.HasPrefix(at, "job:") {
			t.Errorf("%q: got %q, want a file and line and %q…", script, got, want)
		}
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{})
	caller := host(t, &Desk{Waiting: waiting})
	for script, begun := range map[string]chan struct{}{
		`n.rpc["help.desk"].wait()`:                     waiting,
		`n.rpc["help.desk"].wait.call_async().result()`: waiting,
		`while True: pass`:                              closed(),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-begun
			cancel()
		}()
		s := &shell.Shell{Caller: caller}
		if got := message(s.Script(ctx, "job", strings.NewReader(script))); got != "job: interrupted" {
			t.Errorf("%s: got %q, want that it was interrupted", script, got)
		}
	}
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
