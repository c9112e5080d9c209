package gomeko_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	module  = "github.com/gomeko/gomeko/"
	amqp    = "github.com/rabbitmq/amqp091-go"
	msgpack = "github.com/vmihailenco/msgpack/v5"
)

// arrows are the imports among the packages of the module: a package may import those of its row,
// and what these may import. Every package must have a row.
var arrows = map[string][]string{
	"cmd/gomeko":          {"runner"},
	"runner":              {"panel", "panel/oidc", "internal/sqlite", "internal/postgres", "contract", "internal/periodic", "jobs", "jobs/sqlite", "jobs/postgres", "internal/doctor", "internal/parked", "internal/jobview", "internal/scaffold", "internal/isolate", "internal/supervisor", "shell", "broker", "web", "admin", "rpc", "events", "fleet", "config"},
	"shell":               {"rpc", "events", "fleet", "contract", "config", "internal/printable"},
	"web":                 {"service", "internal/constraint", "codec", "rpc/rpcerror", "internal/certificate", "internal/methodname", "internal/mux", "internal/secret", "internal/sequence", "internal/wait"},
	"admin":               {"service", "internal/mux", "internal/clip", "internal/secret"},
	"rpc":                 {"internal/sequence", "internal/stub", "internal/control", "internal/deadletter", "internal/headers", "rpc/rpcerror"},
	"rpc/rpcerror":        {"codec", "service"},
	"events":              {"messaging", "internal/publish"},
	"timer":               {"internal/ticks"},
	"internal/ticks":      {"service", "timer/cron"},
	"internal/periodic":   {"internal/ticks", "jobs/store"},
	"fleet":               {"contract", "timer", "web", "internal/control", "internal/httpqueue"},
	"internal/httpqueue":  {"web", "internal/control", "internal/id"},
	"timer/cron":          {},
	"messaging":           {"internal/publish", "internal/constraint", "internal/methodname", "internal/deadletter", "rpc/rpcerror"},
	"internal/publish":    {"internal/connection", "internal/headers", "internal/topology"},
	"internal/isolate":    {"rpc/rpcerror", "transport"},
	"internal/connection": {"service", "transport"},
	"internal/control":    {"internal/connection", "internal/secret"},
	"internal/doctor":     {"fleet", "jobs/store", "internal/connection", "internal/deadletter", "internal/topology"},
	"internal/headers":    {"service", "transport", "internal/deadletter"},
	"internal/deadletter": {"transport", "internal/clip", "internal/id"},
	"internal/jobview":    {"jobs/store", "internal/secret"},
	"internal/parked":     {"service", "internal/deadletter", "internal/secret"},
	"internal/stub":       {"codec", "service"},
	"internal/topology":   {"service", "transport"},
	"internal/methodname": {"service"},
	"service":             {"internal/inject", "internal/id", "internal/sequence", "internal/constraint"},
	"di":                  {"internal/inject"},
	"internal/inject":     {},
	"transport":           {"codec/msgpack", "internal/wait"},
	"codec/msgpack":       {"codec"},
	"codec":               {"internal/constraint"},
	"internal/constraint": {"signature", "internal/clip", "internal/nearest"},
	"contract":            {"rpc/rpcerror", "internal/nearest", "internal/printable"},
	"config":              {"internal/nearest", "internal/printable", "internal/secret"},
	"broker":              {"internal/frame", "internal/mux", "internal/clip"},
	"internal/frame":      {},
	"internal/mux":        {},
	"internal/printable":  {},
	"internal/scaffold":   {},
	"internal/supervisor": {},
	"internal/secret":     {},
	"internal/clip":       {},
	"internal/id":         {},
	"internal/nearest":    {},
	"internal/wait":       {},
	"internal/sequence":   {},
	"signature":           {"internal/clip"},
	"observe/otel":        {"service", "rpc/rpcerror", "internal/clip"},
	"observe/prometheus":  {"admin", "web", "config"},
	"observe/statsd":      {"service", "config"},
	"servicetest":         {"service", "admin", "jobs", "rpc", "events", "web", "broker", "fleet"},

	"jobs":          {"internal/periodic", "messaging", "timer", "internal/stub", "internal/connection", "internal/control", "internal/headers", "internal/topology", "internal/id", "rpc/rpcerror"},
	"jobs/store":    {"internal/clip"},
	"jobs/sqlite":   {"jobs/store", "internal/sqlite"},
	"jobs/postgres": {"jobs/store", "internal/postgres"},

	"panel":              {"panel/form", "panel/result", "panel/run", "internal/mux", "internal/parked", "internal/jobview"},
	"internal/grouppath": {},
	"internal/migration": {},
	"panel/sqlite":       {"panel/account", "internal/sqlite"},
	"panel/postgres":     {"panel/account", "internal/postgres"},
	"panel/account":      {"internal/clip", "internal/grouppath", "internal/migration"},
	"panel/grant":        {"internal/grouppath", "rpc/rpcerror", "service"},
	"panel/oidc":         {"internal/clip", "panel/account"},
	"panel/run":          {"contract", "fleet", "jobs", "rpc", "panel/account", "panel/grant", "internal/migration"},
	"panel/form":         {"contract", "internal/constraint"},
	"panel/result":       {"codec", "internal/clip", "service"},

	"internal/sqlite":   {},
	"internal/postgres": {},

	"internal/certificate": {},

	// Programs, and packages that only tests import.
	"examples":            {"runner", "servicetest", "di", "panel/sqlite"},
	"internal/hosttest":   {"rpc"},
	"internal/brokertest": {"broker", "internal/hosttest"},
	"internal/golden":     {},
	"internal/soak":       {},
	"interop":             {"servicetest"},
	"scripts":             {},
}

// others are the packages outside of the standard library that these packages may import.
var others = map[string][]string{
	"codec":              {"github.com/google/uuid", "github.com/klauspost/compress/zlib"},
	"broker":             {},
	"internal/frame":     {},
	"internal/mux":       {},
	"internal/id":        {},
	"internal/nearest":   {},
	"signature":          {},
	"internal/inject":    {"go.uber.org/fx", "go.uber.org/fx/fxevent"},
	"di":                 {"go.uber.org/fx"},
	"service":            {"go.uber.org/fx"},
	"rpc":                {"github.com/google/uuid"},
	"timer":              {},
	"timer/cron":         {},
	"jobs/store":         {},
	"internal/sqlite":    {"modernc.org/sqlite"},
	"internal/postgres":  {"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/stdlib"},
	"jobs/sqlite":        {},
	"jobs/postgres":      {},
	"internal/migration": {},
	"panel/account":      {"golang.org/x/crypto/argon2"},
	"panel/grant":        {"go.uber.org/fx"},
	"panel/oidc":         {"github.com/coreos/go-oidc/v3/oidc", "golang.org/x/oauth2"},
	"panel/form":         {},
	"panel/result":       {},
	"panel/run":          {},
}

// A listed is a package in the output of go list.
type listed struct {
	Name, ImportPath string
	Imports          []string
	Standard         bool
}

// TestImports compares the imports of all packages, without their tests, with the tables above.
func TestImports(t *testing.T) {
	packages := list(t, "./...")
	standard := map[string]bool{"C": true, "unsafe": true}
	programs := map[string]bool{}
	for _, p := range packages {
		standard[p.ImportPath] = p.Standard
		programs[p.ImportPath] = p.Name == "main"
	}
	for _, p := range packages {
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		from := place(p.ImportPath)
		if _, ok := arrows[from]; !ok {
			t.Errorf("%s has no row in arrows: say what it may import", from)
			continue
		}
		allowed := reach(from, map[string]bool{})
		limits, limited := others[from]
		for _, imported := range p.Imports {
			ours := strings.HasPrefix(imported, module)
			to := place(imported)
			switch {
			case ours && to != from && !allowed[to]:
				t.Errorf("%s imports %s: it may not", from, to)
			case ours && to == "runner" && !programs[p.ImportPath]:
				t.Errorf("%s imports runner: only programs do", from)
			case imported == amqp && from != "transport" && from != "internal/brokertest":
				t.Errorf("%s imports amqp091-go: only transport does", from)
			case strings.HasPrefix(imported, msgpack) && from != "codec/msgpack":
				t.Errorf("%s imports vmihailenco/msgpack: only codec/msgpack does", from)
			case strings.HasPrefix(imported, "go.opentelemetry.io/") && from != "observe/otel":
				t.Errorf("%s imports OpenTelemetry: only observe/otel does", from)
			case !ours && !standard[imported] && limited && !slices.Contains(limits, imported):
				t.Errorf("%s imports %s: it may not", from, imported)
			}
		}
	}
}

// absent are packages that a program with this package must not link.
var absent = map[string][]string{
	"admin":   {amqp, msgpack, module + "rpc", module + "transport", module + "web"},
	"web":     {amqp, msgpack, module + "rpc", module + "transport"},
	"timer":   {amqp, msgpack, module + "codec", module + "transport"},
	"service": {amqp, msgpack, module + "codec", module + "transport", module + "messaging", module + "rpc"},
}

// TestLinkedPackages checks what a program with one package links. A program that serves only HTTP
// or timers links neither an AMQP client nor msgpack, and package service links no wire.
func TestLinkedPackages(t *testing.T) {
	for from, unwanted := range absent {
		for _, p := range list(t, "./"+from) {
			if slices.Contains(unwanted, p.ImportPath) {
				t.Errorf("%s links %s", from, p.ImportPath)
			}
		}
	}
}

// place is the row of arrows that a package belongs to.
func place(path string) string {
	path = strings.TrimPrefix(path, module)
	for _, folder := range []string{"examples", "scripts"} {
		if strings.HasPrefix(path, folder+"/") {
			return folder
		}
	}
	return path
}

// reach adds to seen the packages that a package may import, directly or indirectly.
func reach(from string, seen map[string]bool) map[string]bool {
	for _, to := range arrows[from] {
		if !seen[to] {
			seen[to] = true
			reach(to, seen)
		}
	}
	return seen
}

// list returns the packages that match pattern, and those that they import.
func list(t *testing.T, pattern string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=Name,ImportPath,Imports,Standard", pattern)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := d.Decode(&p); err {
		case nil:
			all = append(all, p)
		case io.EOF:
			return all
		default:
			t.Fatal(err)
		}
	}
}
