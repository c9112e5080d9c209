package jsonrpc_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/jsonrpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socket returns the path of the counter's socket, in a temporary folder.
func socket(t *testing.T) string {
	t.Helper()
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	return filepath.Join(os.Getenv("RUNTIME_DIRECTORY"), "counter.sock")
}

// A peer is a client of the socket.
type peer struct {
	net.Conn
	lines *bufio.Scanner
}

func dial(t *testing.T, path string) *peer {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{conn, bufio.NewScanner(conn)}
}

// ask writes a line and returns the response, "" if there is none.
func (p *peer) ask(line string) string {
	if _, err := io.WriteString(p, line+"\n"); err != nil {
		return ""
	}
	p.lines.Scan()
	return p.lines.Text()
}

func TestCounter(t *testing.T) {
	path := socket(t)
	h := servicetest.New(t, NewCounter())
	if err := h.Client("counter").Call(t.Context(), "add", nil, 41); err != nil {
		t.Fatal(err)
	}
	operator := dial(t, path)
	for _, tc := range []struct{ name, ask, want string }{
		{"result", `{"jsonrpc": "2.0", "id": 1, "method": "total"}`, `{"jsonrpc":"2.0","result":41,"id":1}`},
		{"no result", `{"jsonrpc": "2.0", "id": "a", "method": "reset", "params": [7]}`, `{"jsonrpc":"2.0","result":null,"id":"a"}`},
		{"by name", `{"jsonrpc": "2.0", "id": 2, "method": "reset", "params": {"to": 8}}`, `{"jsonrpc":"2.0","result":null,"id":2}`},
		{
			"notification, which is not answered",
			`{"jsonrpc": "2.0", "method": "reset"}` + "\n" + `{"jsonrpc": "2.0", "id": null, "method": "total", "params": []}`,
			`{"jsonrpc":"2.0","result":0,"id":null}`,
		},
		{
			"misfit", `{"jsonrpc": "2.0", "id": 3, "method": "reset", "params": {"too": 8}}`,
			`{"jsonrpc":"2.0","error":{"code":-32602,"message":"reset() got an unexpected keyword argument 'too'"},"id":3}`,
		},
		{
			"no parameters", `{"jsonrpc": "2.0", "id": 3, "method": "reset", "params": 8}`,
			`{"jsonrpc":"2.0","error":{"code":-32602,"message":"reset() params must be an array or an object"},"id":3}`,
		},
		{
			"expected error", `{"jsonrpc": "2.0", "id": 4, "method": "reset", "params": [-1]}`,
			`{"jsonrpc":"2.0","error":{"code":-32000,"message":"the total cannot be negative"},"id":4}`,
		},
		{
			"fault", `{"jsonrpc": "2.0", "id": 5, "method": "reset", "params": [1001]}`,
			`{"jsonrpc":"2.0","error":{"code":-32603,"message":"out of ink"},"id":5}`,
		},
		{
			"unknown method", `{"jsonrpc": "2.0", "id": 6, "method": "add"}`,
			`{"jsonrpc":"2.0","error":{"code":-32601,"message":"no method \"add\""},"id":6}`,
		},
		{"no JSON", `hello`, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"not JSON: write one message a line"},"id":null}`},
		{
			"batch", `[]`,
			`{"jsonrpc":"2.0","error":{"code":-32600,"message":"json: cannot unmarshal array into Go value of type jsonrpc.request"},"id":null}`,
		},
		{"old version", `{"id": 1, "method": "total"}`, `{"jsonrpc":"2.0","error":{"code":-32600,"message":"write {\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"…\"}"},"id":null}`},
		{
			"line too long", strings.Repeat("x", 1<<20),
			`{"jsonrpc":"2.0","error":{"code":-32600,"message":"a line must not exceed 1048576 bytes"},"id":null}`,
		},
		{"after it", `{"jsonrpc": "2.0", "id": 1, "method": "total"}`, ""},
	} {
		if got := operator.ask(tc.ask); got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

// meter has a result that JSON cannot hold.
type meter struct {
	_ service.Name `service:"meter"`

	Entrypoints struct {
		Ratio jsonrpc.Method `jsonrpc:"ratio" socket:"$RUNTIME_DIRECTORY/counter.sock"`
	}
}

func (*meter) Ratio(context.Context) (float64, error) { return math.NaN(), nil }

func TestNotFinite(t *testing.T) {
	path := socket(t)
	servicetest.New(t, new(meter))
	const want = `{"jsonrpc":"2.0","result":null,"id":1}`
	if got := dial(t, path).ask(`{"jsonrpc": "2.0", "id": 1, "method": "ratio"}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type mistaken struct {
	_ service.Name `service:"mistaken"`

	Entrypoints struct {
		Nowhere jsonrpc.Method `jsonrpc:"nowhere"`
		Unset   jsonrpc.Method `jsonrpc:"unset" socket:"$NO_SUCH_FOLDER/a.sock"`
		Typo    jsonrpc.Method `jsonrpc:"typo" sockt:"a.sock"`
		One     jsonrpc.Method `jsonrpc:"one" socket:"a.sock"`
		Two     jsonrpc.Method `jsonrpc:"one" socket:"a.sock" method:"One"`
	}
}

func (*mistaken) Nowhere(context.Context) error { return nil }
func (*mistaken) Unset(context.Context) error   { return nil }
func (*mistaken) Typo(context.Context) error    { return nil }
func (*mistaken) One(context.Context) error     { return nil }

func TestMistakes(t *testing.T) {
	t.Parallel()
	_, err := service.New(service.Config{}, new(mistaken))
	want := strings.Join([]string{
		`service mistaken: Nowhere: the tag has no socket: add the path to listen on, as in socket:"/run/counter.sock"`,
		`service mistaken: Unset: socket: [NO_SUCH_FOLDER] is not set in the environment`,
		`service mistaken: Typo: unknown key sockt in its tag: did you mean socket?`,
		`service mistaken: Typo: the tag has no socket: add the path to listen on, as in socket:"/run/counter.sock"`,
		`service mistaken: Two: method "one" of a.sock is taken by the row One of mistaken: give one of them another name`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// single is a service with one row.
type single struct {
	_ service.Name `service:"single"`

	Entrypoints struct {
		Total jsonrpc.Method `jsonrpc:"total" socket:"$RUNTIME_DIRECTORY/counter.sock"`
	}
}

func (*single) Total(context.Context) (int, error) { return 42, nil }

// TestRules tests the extension against the rules for entrypoints.
func TestRules(t *testing.T) {
	path := socket(t)
	servicetest.TestEntrypoint(t, new(single), func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		_, err = io.WriteString(conn, `{"jsonrpc": "2.0", "id": 1, "method": "total"}`+"\n")
		if err != nil {
			return err
		}
		reply, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && strings.Contains(reply, `"error"`) {
			err = errors.New(reply)
		}
		return err
	})
}

// If the path is in use, the start fails. The socket of a process that was killed is replaced.
func TestPathTaken(t *testing.T) {
	path := socket(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*service.Container, error) {
		c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, new(single))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Kill)
		return c, c.Start(t.Context())
	}
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "service single: Total: another process listens on "+path) {
		t.Errorf("got %v, want that the path is in use", err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := start(); err != nil {
		t.Errorf("got %v, want no error", err)
	}
}
