package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The services of a user's module, beside a clone of gomeko.
const (
	shopService = `
import (
	"context"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

type Greeting struct {
	_ service.Name ` + "`service:\"greeting_service\"`" + `

	Entrypoints struct {
		Hello rpc.Method ` + "`rpc:\"hello(name)\"`" + `
	}
}

func (*Greeting) Hello(_ context.Context, name string) (string, error) { return "Hello, " + name + "!", nil }
`
	shopMain = `
func main() { runner.Main(service.Provide(new(Greeting))) }
`
	shopTest = `package shop_test

import (
	"testing"

	"github.com/gomeko/gomeko/servicetest"
	"shop"
)

func TestHello(t *testing.T) {
	var got string
	err := servicetest.New(t, new(shop.Greeting)).Client("greeting_service").Call(t.Context(), "hello", &got, "Julio")
	if err != nil || got != "Hello, Julio!" {
		t.Errorf("got %q, %v", got, err)
	}
}
`
	shopModule = `package shop

import (
	"context"
	"log/slog"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Other is a second service.
type Other struct {
	_ service.Name ` + "`service:\"other_service\"`" + `

	Entrypoints struct {
		Hello rpc.Method ` + "`rpc:\"hello\"`" + `
	}
}

func (*Other) Hello(context.Context) error { return nil }

var Module = fx.Module("shop", service.Provide(new(Greeting)), service.Provide(new(Other)), service.Configure(audit))

func audit(next service.Runner) service.Runner {
	return func(ctx context.Context) (any, error) {
		slog.InfoContext(ctx, "audited")
		return next(ctx)
	}
}
`
)

// shop creates a module with files that uses the gomeko of this clone, and returns its folder. Like
// go mod tidy, it omits what the module's code does not need from go.mod and go.sum: lines with a
// word in without.
func shop(t *testing.T, files map[string]string, without ...string) string {
	t.Helper()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Symlink(clone, filepath.Join(root, "gomeko")); err != nil {
		t.Fatal(err)
	}
	_, mod, _ := strings.Cut(needed(t, "../../go.mod", without), "\n")
	write(t, root, "shop/go.mod", "module shop\n"+mod+"\nrequire github.com/gomeko/gomeko v0.0.0\nreplace github.com/gomeko/gomeko => ../gomeko\n")
	write(t, root, "shop/go.sum", needed(t, "../../go.sum", without))
	for name, text := range files {
		write(t, root, "shop/"+name, text)
	}
	t.Setenv("GONOSUMDB", "*") // the module cache contains what go.sum lacks
	return filepath.Join(root, "shop")
}

func needed(t *testing.T, path string, without []string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !slices.ContainsFunc(without, func(word string) bool { return strings.Contains(line, word) }) {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOwnModule(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	command := []string{"spf13", "starlark", "liner", "runewidth"} // needed only by the generated main function
	imports := strings.Replace(shopService, "import (", "import (\n\t\"github.com/gomeko/gomeko/runner\"", 1)
	for name, test := range map[string]struct {
		files   map[string]string
		without []string
		dir     string // where it runs, from the module's folder
		run     string // the arguments of gomeko run
		starts  string
	}{
		"main":     {files: map[string]string{"main.go": "package main\n" + imports + shopMain}, run: ".", starts: "greeting_service"},
		"package":  {files: map[string]string{"shop.go": "package shop\n" + shopService}, without: command, run: ".", starts: "greeting_service"},
		"internal": {files: map[string]string{"a/internal/shop/shop.go": "package shop\n" + shopService}, without: command, run: "./a/internal/shop", starts: "greeting_service"},
		"Module": {files: map[string]string{"shop.go": "package shop\n" + shopService, "module.go": shopModule}, without: command,
			run: "shop", starts: "greeting_service, other_service"},
		"Service": {files: map[string]string{"shop.go": "package shop\n" + shopService, "module.go": shopModule}, without: command,
			run: ".:Greeting", starts: "greeting_service"},
		"workspace": {files: map[string]string{"shop.go": "package shop\n" + shopService, "../go.work": "go 1.25.0\nuse (\n\t./shop\n\t./gomeko\n)\n"},
			run: ".", starts: "greeting_service"},
		"beside a workspace": {files: map[string]string{"shop.go": "package shop\n" + shopService, "../go.work": "go 1.25.0\nuse (\n\t./shop\n\t./gomeko\n)\n",
			"../other/notes.txt": ""}, dir: "../other", run: "shop", starts: "greeting_service"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shop(t, test.files, test.without...)
			before := listing(t, dir)
			p := start(t, filepath.Join(dir, test.dir), "", "run", test.run, "--broker", uri)
			p.Line("Connected to ")
			p.Line("starting services: " + test.starts)
			check(t, julio, []string{"shell", "--broker", uri}, 0, "Hello, Julio!\n")
			if test.files["module.go"] != "" {
				p.Line("msg=audited")
			}
			p.Signal(syscall.SIGTERM)
			if got := p.Wait(); got != 0 {
				t.Errorf("got exit status %d, want 0:\n%s", got, p.Stderr())
			}
			if after := listing(t, dir); after != before {
				t.Errorf("files were changed: got\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// A program is linked again only if something has changed.
func TestOwnModuleAgain(t *testing.T) {
	files := map[string]string{"shop.go": "package shop\n" + shopService}
	dir := shop(t, files, "spf13", "starlark", "liner", "runewidth")
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	var last os.FileInfo
	for i, changed := range []bool{true, false, true} {
		if i == 2 {
			write(t, dir, "shop.go", strings.Replace(files["shop.go"], "Hello, ", "Good day, ", 1))
		}
		p := start(t, dir, "", "run", ".", "--broker", "amqp://127.0.0.1:1/")
		p.Line("starting services: greeting_service")
		p.Wait()
		programs, err := filepath.Glob(filepath.Join(cache, "gomeko", "run", "*", "bin", "shop"))
		if err != nil || len(programs) != 1 {
			t.Fatalf("got the programs %q, %v, want one", programs, err)
		}
		info, err := os.Stat(programs[0])
		if err != nil {
			t.Fatal(err)
		}
		if again := !os.SameFile(info, last); again != changed {
			t.Errorf("run %d: got a new program: %t, want %t", i+1, again, changed)
		}
		last = info
	}
}

// Environment variables alone turn traces on: with them, the generated program links OpenTelemetry.
func TestOwnModuleTraced(t *testing.T) {
	_, uri := startBroker(t, "127.0.0.1:0")
	dir := shop(t, map[string]string{"shop.go": "package shop\n" + shopService}, "spf13", "starlark", "liner", "runewidth", "opentelemetry", "grpc")
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for _, exporter := range []string{"none", "console"} {
		t.Setenv("OTEL_TRACES_EXPORTER", exporter)
		p := start(t, dir, "", "run", ".", "--broker", uri)
		p.Line("starting services: greeting_service")
		p.Line("msg=ready")
		check(t, julio, []string{"shell", "--broker", uri}, 0, "Hello, Julio!\n")
		p.Signal(syscall.SIGTERM)
		p.Wait()
		on := exporter == "console"
		if got := strings.Contains(p.Stdout(), `"Name":"greeting_service.hello"`); got != on {
			t.Errorf("%s: got a span of the call: %t, want %t:\n%s", exporter, got, on, p.Stdout())
		}
		programs, err := filepath.Glob(filepath.Join(cache, "gomeko", "run", "*", "bin", "shop"))
		if err != nil || len(programs) != 1 {
			t.Fatalf("got the programs %q, %v, want one", programs, err)
		}
		linked, err := exec.Command("go", "version", "-m", programs[0]).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(linked), "go.opentelemetry.io/otel"); got != on {
			t.Errorf("%s: links OpenTelemetry: %t, want %t", exporter, got, on)
		}
	}
}

// listing returns the names and the contents of a module's files.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// The tests of a user's module need no port and no server.
func TestOwnModuleTested(t *testing.T) {
	dir := shop(t, map[string]string{"shop.go": "package shop\n" + shopService, "shop_test.go": shopTest})
	cmd := exec.Command("go", "test", "./...")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go test: %v\n%s", err, out)
	}
}

// Messages of the go command and of the compiler are shown unchanged. For mistakes that they do not
// explain, gomeko adds its own messages.
func TestOwnModuleMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		run   string
		want  string
	}{
		"compiler":           {map[string]string{"shop.go": "package shop\n" + shopService + "var x int = true\n"}, ".", "\nshop.go:19:13: cannot use true"},
		"elsewhere":          {map[string]string{"a/shop.go": "package shop\n" + shopService + "var x int = true\n"}, "./a", "\na/shop.go:19:13: cannot use true"},
		"syntax":             {map[string]string{"shop.go": "package shop\n" + shopService + "}\n"}, ".", "shop.go:19:1: "},
		"syntax of a folder": {map[string]string{"a/shop.go": "package shop\n" + shopService + "}\n"}, "./a", "a/shop.go:19:1: "},
		"unexported":         {map[string]string{"shop.go": "package shop\n" + strings.ReplaceAll(shopService, "Greeting", "greeting")}, ".", "shop: the service greeting is not exported"},
		"no gomeko":          {map[string]string{"shop.go": "package shop\n" + shopService, "go.mod": "module shop\n"}, ".", "go get github.com/gomeko/gomeko"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, shop(t, test.files), "", "run", test.run)
			if got := p.Wait(); got != 1 || !strings.Contains(p.Stderr(), test.want) {
				t.Errorf("got exit status %d and\n%s\nwant 1 and %s", got, p.Stderr(), test.want)
			}
		})
	}
}
