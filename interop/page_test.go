package interop_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/examples/nameko"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// The services and clients of docs/nameko.md are in this folder, in Python and in Go.
const page = "../examples/nameko"

// takes are calls of stock, one after the other, and what comes of them whoever serves stock and
// prices.
var takes = []struct {
	call
	want string
}{
	{call{Method: "count", Args: list("tea")}, `3`},
	{call{Method: "take", Args: list("tea")}, `{'amount': 250, 'currency': 'EUR'}`},
	{call{Method: "take", Kwargs: dict{"product": "tea", "number": 3}}, "RemoteError: OutOfStock out of stock"},
	{call{Method: "take", Args: list("ink")}, "RemoteError: RemoteError UnknownProduct unknown product"},
	{call{Method: "count", Args: list("tea")}, `2`},
	{call{Method: "count", Args: list("ink")}, `5`},
	{call{Method: "count"}, "IncorrectSignature: count() missing 1 required positional argument: 'product'"},
}

// TestPage has the services of the page in both languages, each beside each.
func TestPage(t *testing.T) {
	serve := map[string]func(t *testing.T, uri, class string){"python": servePython, "go": serveGo}
	for stock, serveStock := range serve {
		for prices, servePrices := range serve {
			t.Run(stock+" stock, "+prices+" prices", func(t *testing.T) {
				uri := brokertest.Embedded(t)
				serveStock(t, uri, "Stock")
				servePrices(t, uri, "Prices")
				nameko := startCaller(t, uri)
				for _, take := range takes {
					take.Service = "stock"
					if got := nameko.call(t, take.call)[0].String(); got != take.want {
						t.Errorf("%s %v %v: got %s, want %s", take.Method, take.Args, take.Kwargs, got, take.want)
					}
				}
			})
		}
	}
}

// TestPageClients has the two clients of the page take tea, with the context data that says how it
// is paid.
func TestPageClients(t *testing.T) {
	for stock, serve := range map[string]func(t *testing.T, uri, class string){"python": servePython, "go": serveGo} {
		t.Run(stock+" stock", func(t *testing.T) {
			for client, cmd := range map[string]*exec.Cmd{
				"python": python(t, "client.py"),
				"go":     exec.CommandContext(t.Context(), "go", "run", "./client"),
			} {
				uri := brokertest.Embedded(t)
				serve(t, uri, "Stock")
				serve(t, uri, "Prices")
				cmd.Dir, cmd.Args, cmd.Stderr = page, append(cmd.Args, uri), t.Output()
				got, err := cmd.Output()
				if want := "500 USD\n"; err != nil || string(got) != want {
					t.Errorf("%s client: got %q, %v, want %q", client, got, err, want)
				}
			}
		})
	}
}

// servePython runs a class of the page's stock.py.
func servePython(t *testing.T, uri, class string) {
	t.Helper()
	var cfg []byte
	for _, path := range []string{filepath.Join(page, "config.yaml"), "peer/config.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cfg = append(cfg, text...) // of AMQP_URI, the same in both, PyYAML takes the later
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, cfg, 0o600); err != nil {
		t.Fatal(err)
	}
	startNameko(t, uri, page, path, "stock:"+class, map[string]string{"Stock": "stock", "Prices": "prices"}[class])
}

// serveGo runs a service of the page's Module.
func serveGo(t *testing.T, uri, class string) {
	t.Helper()
	cfg, err := config.Load(filepath.Join(page, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"Stock": "Prices", "Prices": "Stock"}[class]
	hostOn(t, service.Config{}, transport.Config{URI: uri},
		cfg.Module(), nameko.Module, runner.Without("github.com/gomeko/gomeko/examples/nameko."+other))
}
