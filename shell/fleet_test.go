package shell_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/shell"
	"github.com/gomeko/gomeko/transport"
)

// Ledger is a service for the shell to examine.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Book  rpc.Method `rpc:"book(amount, *, note='')" doc:"Books an amount."`
		Which rpc.Method `rpc:"which()" doc:"The instance that answers."`
	}

	Dispatch events.Dispatcher
}

func (*Ledger) Docs() service.Docs {
	return service.Docs{
		Text: "Ledger keeps the books.\x1b[2J",
		Rows: map[string]service.RowDocs{"Book": {Text: "The note is optional.", Errors: []error{errOverdrawn}}},
	}
}

var errOverdrawn = rpc.NewError("ledger.Overdrawn", "overdrawn")

func (l *Ledger) Book(ctx context.Context, amount int, note string) (int, error) {
	if amount < 0 {
		return 0, errOverdrawn
	}
	return amount, l.Dispatch(ctx, "booked", map[string]any{"amount": amount, "note": note})
}

func (*Ledger) Which(ctx context.Context) (string, error) {
	return service.FromContext(ctx).Instance, nil
}

// books starts two instances of a service, and returns a shell connected to their fleet.
func books(t *testing.T, uri string) *shell.Shell {
	t.Helper()
	broker := transport.Config{URI: uri}
	for _, name := range []string{"vm1/1-aa", "vm1/12-bb"} {
		hosttest.Start(t, hosttest.Config{Service: service.Config{Instance: name}, Broker: broker}, new(Ledger), service.Configure(fleet.Control(fleet.ControlConfig{Version: "v1.2.0"})))
	}
	return &shell.Shell{Caller: hosttest.Caller(t, broker, rpc.Config{}), Conn: hosttest.Dial(t, broker)}
}

// figures matches the numbers that are replaced before comparing.
var figures = regexp.MustCompile(`\d[\d.]*( [mµ]?s\b)?`)

// TestFleet tries n.services, help, at, bench, time and watch on both brokers.
func TestFleet(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		s := books(t, uri)
		for name, test := range map[string]struct{ script, out, err string }{
			"services":     {script: `for s in n.services: print(s["service"], s["instance"], s["version"], s["busy"], s["errors"])`, out: "ledger vm1/1-aa v1.2.0 0 0\nledger vm1/12-bb v1.2.0 0 0\n"},
			"at":           {script: `print([n.rpc.ledger.which.at(i)() for i in ("vm1/1-aa", "vm1/12", "vm1/1") for _ in range(3)])`, out: "['vm1/1-aa', 'vm1/1-aa', 'vm1/1-aa', 'vm1/12-bb', 'vm1/12-bb', 'vm1/12-bb', 'vm1/1-aa', 'vm1/1-aa', 'vm1/1-aa']\n"},
			"at, async":    {script: `print(n.rpc.ledger.which.at("vm1/12").call_async().result(), n.rpc.ledger.which.at("vm1/12"))`, out: `vm1/12-bb <n.rpc.ledger.which.at("vm1/12-bb")>` + "\n"},
			"at several":   {script: `n.rpc.ledger.which.at("vm1")()`, err: "job:1: n.rpc.ledger.which: vm1 fits several instances: vm1/1-aa, vm1/12-bb"},
			"at none":      {script: `n.rpc.ledger.which.at("vm2/1")()`, err: "job:1: n.rpc.ledger.which: ledger has no instance vm2/1; it has vm1/1-aa, vm1/12-bb"},
			"at nobody":    {script: `n.rpc.nobody.which.at("vm2/1")()`, err: "job:1: n.rpc.nobody.which: no instance of nobody has answered: Nameko's processes in Python, and those with gomeko.control: off, cannot be called one by one"},
			"help":         {script: `help()`, out: "…Ctrl-D ends the shell.\n"},
			"help n.rpc":   {script: `help(n.rpc)`, out: "ledger\n"},
			"help service": {script: `help(n.rpc.ledger)`, out: "ledger v1.2.0\n    Ledger keeps the books.\\x1b[2J\n\n    book(amount, *, note='')  Books an amount.\n    which()                   The instance that answers.\n"},
			"help method": {script: `help(n.rpc.ledger.book)`, out: "ledger v1.2.0\n\nrpc book(amount, *, note='')\n    Books an amount.\n    The note is optional.\n    amount      integer              required\n" +
				"    note        string               = \"\"\n    returns     integer\n    fails with  ledger.Overdrawn: overdrawn\n    listens to  key ledger.book, queue rpc-ledger\n"},
			"help bench":    {script: `help(n.rpc.ledger.which.bench)`, out: "…    listens to  key ledger.which, queue rpc-ledger\n"},
			"help unknown":  {script: `help(n.rpc.ledger.bok)`, err: "job:1: service ledger has no method bok: did you mean book?"},
			"help nobody":   {script: `help(n.rpc.ledgr)`, err: "job:1: service ledgr: cannot be described: no process of it runs: did you mean ledger?"},
			"help function": {script: "def f(a, b=1):\n  '''Adds.\n\n  More.'''\n  return a\nhelp(f); help(print); help(1)", out: "f(a, b)\n    Adds.\n    \n    More.\nprint(…) is a function of the shell: see help()\na int\n"},
			"bench":         {script: "b = n.rpc.ledger.book.bench(3, callers=2, seconds=0.2, note='x')\nprint(b)\nprint(b.calls > 0, b.rate > 0, b.p50 <= b.p99, b.p99 <= b.max, b.errors)", out: "calls   # in #, callers: #\nrate    #/s\np#     #\np#     #\np#     #\nmax     #\nerrors  #\nTrue True True True {}\n"},
			"bench errors":  {script: "b = n.rpc.ledger.book.bench(-1, seconds=0.1)\nprint(list(b.errors.keys()), b.calls)", out: "['Overdrawn'] #\n"},
			"bench callers": {script: "n.rpc.ledger.book.bench(callers=0)", err: "job:1: bench: callers=0: must be an int from 1 to 10000"},
			"bench seconds": {script: "n.rpc.ledger.book.bench(seconds='x')", err: "job:1: bench: seconds='x': must be a number over 0, and at most 86400"},
			"bench set":     {script: "n.rpc.ledger.book.bench(set([1]))", err: "job:1: n.rpc.ledger.book: argument 1: a set cannot be sent; make it a list: list(…)"},
			"watch":         {script: "r = None\nfor e in watch('ledger', 'booked'):\n  print(e)\n  break", out: "…"},
			"watch nobody":  {script: "for e in watch('nobody'):\n  print(e)", err: "job:1: events # of nobody: …"},
			"time":          {script: "print(time(n.rpc.ledger.book(7)), time(n.rpc.ledger.book, 8, note='x'), time(lambda: 9))", out: "7 8 9\n"},
			"time nothing":  {script: "time(7)", err: "job:1: time: a int cannot be called: write time(n.rpc.orders.get(7)), or time(f, 7)"},
			"table":         {script: "t = table([{'id': 1, 'b': 'x\\n'}, {'id': 20, 'c': [1]}])\nprint(t)\nprint(len(t), t[1]['id'], [r['id'] for r in t])", out: "id  b    c\n1   x\\n\n20       [1]\n2 20 [1, 20]\n"},
			"table of ints": {script: "table([{}, 1])", err: `job:1: table: item 2 is a int: all must be objects, as in table([{"id": 1}])`},
			"empty table":   {script: "print(table([]), table([{}]))", out: "(a table of 0 rows without columns) (a table of 1 rows without columns)\n"},
		} {
			t.Run(name, func(t *testing.T) {
				out, errs := new(strings.Builder), new(strings.Builder)
				s.Stdout, s.Stderr = out, errs
				if name == "watch" {
					watching(t, s)
					return
				}
				err := s.Script(t.Context(), "job", strings.NewReader(test.script))
				got, want := out.String(), test.out
				if strings.HasPrefix(name, "bench") {
					got = figures.ReplaceAllString(got, "#")
				}
				if end, cut := strings.CutPrefix(want, "…"); cut && !strings.HasSuffix(got, end) || !cut && strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if begin, cut := strings.CutSuffix(test.err, "…"); cut && !strings.HasPrefix(message(err), begin) || !cut && message(err) != test.err {
					t.Errorf("got the error %q, want %q", message(err), test.err)
				}
				if strings.HasPrefix(name, "time") && test.err == "" && figures.ReplaceAllString(errs.String(), "#") != "took #\ntook #\ntook #\n" {
					t.Errorf("got on stderr %q", errs)
				}
			})
		}
	})
}

// watching watches events until the first arrives. It dispatches the event repeatedly until then.
func watching(t *testing.T, s *shell.Shell) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		client := s.Caller.Client("ledger")
		for ctx.Err() == nil {
			_ = client.Call(ctx, "book", nil, 7) // it ends with ctx
		}
	}()
	err := s.Script(t.Context(), "job", strings.NewReader("for e in watch('ledger', 'booked'):\n  print(e)\n  break\nfor e in watch('ledger'):\n  print(e['data']['amount'])\n  break"))
	cancel()
	<-done
	if want := "{'event': 'booked', 'data': {'amount': 7, 'note': ''}}\n7\n"; err != nil || fmt.Sprint(s.Stdout) != want {
		t.Errorf("got %v, %v, want %s", s.Stdout, err, want)
	}
}
