package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// A need says what examples that begin with certain words need in addition to the fleet. The first
// match counts.
type need struct {
	words string
	in    string                                                  // the folder where the line runs
	with  func(t *testing.T, f *exampleFleet, line string) string // prepares, and returns the line to run
	ready string                                                  // for a line that does not end: what it prints first
	shell string                                                  // what runs it, bash by default
}

// needs lists examples that have to be prepared.
var needs = []need{
	{words: "gomeko new", with: empty},
	{words: "gomeko run .", in: "orders", ready: "msg=ready"},
	{words: "gomeko run", ready: "msg=ready"},
	{words: "gomeko build .", in: "orders"},
	{words: "gomeko describe .", in: "orders"},
	{words: "gomeko k8s", with: swap("gomeko", "HTTP=0.0.0.0:8000 gomeko")}, // the others take any free port
	{words: "gomeko broker status"},
	{words: "gomeko broker", ready: "embedded broker on"},
	{words: "gomeko front", ready: "msg=ready", with: swap(":8080", "127.0.0.1:0")},
	{words: "gomeko stats orders --watch", ready: "SERVICE"},
	{words: "gomeko dead import", with: exported},
	{words: "gomeko dead", with: parked},
	{words: "gomeko cron forget", with: unhosted},
	{words: "gomeko jobs show", with: job("succeeded", "http://example.org/a.png")},
	{words: "gomeko jobs wait", with: job("succeeded", "http://example.org/a.png")},
	{words: "gomeko jobs cancel", with: job("scheduled", "http://example.org/a.png", "--in", "2h")},
	{words: "gomeko jobs retry", with: job("failed", "http://example.org/a.png", "width=0")},
	{words: "gomeko jobs payload", with: swap("| sh", "| sh -n")}, // TestJobsPayload sends it
	{words: "gomeko panel user add root", with: accounts("echo 'correct horse battery' | ")},
	{words: "echo 'correct horse battery' | gomeko panel user add", with: accounts("")},
	{words: "gomeko panel group add", with: accounts("")},
	{words: "gomeko panel user passwd", with: accounts(addAnn + "echo 'another good password' | ")},
	{words: "gomeko panel user unlink", with: accounts(addAnn + "gomeko panel user link ann --issuer https://id.example.org --subject 7; ")},
	{words: "gomeko panel user revoke", with: revoked},
	{words: "gomeko panel run", with: accounts(addAnn + "gomeko panel user token ann > secrets/token; export GOMEKO_PANEL_TOKEN=@secrets/token; ")},
	{words: "gomeko panel --listen", ready: "control panel", with: swap(":8080", ":0")},
	{words: "gomeko panel", with: accounts(addAnn)},
	{words: "gomeko topology prune", with: swap("gomeko", "yes | gomeko")},
	{words: "source <(gomeko completion zsh)", shell: "zsh", with: swap("source", "autoload -Uz compinit; compinit -u; source")},
	{words: "gomeko completion fish", shell: "fish"},
	{words: "gomeko completion powershell", with: swap("| Out-String | Invoke-Expression", "")}, // no Debian package provides it
	{words: "fleet run", ready: "msg=ready"},
	{words: "fleet describe"},
	{words: "fleet completion"},
	{words: "fleet doctor"},
	{words: "fleet topology"},
	{words: "fleet", ready: "msg=ready"},
}

const addAnn = "echo 'correct horse battery' | gomeko panel user add ann --group control_panel/dashboard --group reports; "

// accounts runs the line with a new database of accounts, after some other commands.
func accounts(before string) func(*testing.T, *exampleFleet, string) string {
	return func(_ *testing.T, f *exampleFleet, line string) string {
		f.folders++
		return fmt.Sprintf("export GOMEKO_PANEL_DATABASE=sqlite:panel-%d.db; %s%s", f.folders, before, line)
	}
}

// revoked revokes a token that exists; its ID is in the token.
func revoked(t *testing.T, f *exampleFleet, line string) string {
	t.Helper()
	return accounts(addAnn+"token=$(gomeko panel user token ann); id=${token%_*}; ")(t, f, strings.Replace(line, "ab3de5gh7j", "${id##*_}", 1))
}

// swap replaces a part of the line.
func swap(part, by string) func(*testing.T, *exampleFleet, string) string {
	return func(_ *testing.T, _ *exampleFleet, line string) string { return strings.Replace(line, part, by, 1) }
}

// An exampleFleet is the environment in which examples run: a broker, a program that hosts the
// services they name, and folders with packages.
type exampleFleet struct {
	dir, clone string
	env        []string
	names      *strings.Replacer // maps names in the examples to actual ones
	folders    int
}

// TestHelp runs the examples in the help of every command, which must succeed. Programs that are
// not ours, such as jq, are replaced with one that reads its input.
func TestHelp(t *testing.T) {
	t.Parallel()
	f := newExampleFleet(t)
	ran := map[string]bool{}
	for _, program := range []string{"gomeko", "fleet"} {
		f.walk(t, []string{program}, func(line string) {
			same := strings.Replace(line, "fleet ", "gomeko ", 1)
			if ran[same] {
				return
			}
			ran[same] = true
			t.Run(line, func(t *testing.T) { f.run(t, line) })
		})
	}
	t.Logf("%d examples", len(ran))
}

func newExampleFleet(t *testing.T) *exampleFleet {
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	f := &exampleFleet{dir: t.TempDir(), clone: clone}
	broker := start(t, "", "", "broker", "--listen", "127.0.0.1:0", "--management", "127.0.0.1:0")
	address := strings.TrimPrefix(strings.SplitN(broker.Line("embedded broker on "), ",", 2)[0], "embedded broker on ")
	management := strings.TrimPrefix(broker.Match(`http://127\.0\.0\.1:\d+`), "http://")
	uri := "amqp://guest:guest@" + address + "/"

	f.modules(t)
	for name, text := range map[string]string{
		"orders/config.yaml": "gomeko: {web: {live_path: /live, ready_path: /ready}}\nWEB_SERVER_ADDRESS: ${HTTP:0.0.0.0:8000}\n",
		"config.yaml":        "gomeko: {control: full, web: {live_path: /live, ready_path: /ready}}\nWEB_SERVER_ADDRESS: ${HTTP:0.0.0.0:8000}\n",
		"broker.yaml":        "gomeko: {broker: {listen: \"127.0.0.1:0\"}}\n",
		"orders.star":        "print(argv)\n",
		"secrets/broker":     uri,
		"secrets/management": "http://guest:guest@" + management,
		"secrets/jobs":       "sqlite:" + filepath.Join(f.dir, "jobs.db"),
		"etc/notes.txt":      "",
	} {
		write(t, f.dir, name, text)
	}
	for _, name := range []string{"jq", "curl", "kubectl"} {
		path := filepath.Join(f.dir, "bin", name)
		write(t, f.dir, "bin/"+name, "#!/bin/sh\nexec cat >/dev/null\n")
		if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // it is a program
			t.Fatal(err)
		}
	}
	if err := os.Symlink(gomeko, filepath.Join(f.dir, "bin", "gomeko")); err != nil {
		t.Fatal(err)
	}
	check(t, "", []string{"build", "./testdata/fleet", "-o", filepath.Join(f.dir, "bin", "fleet")}, 0, "", "building ./testdata/fleet")
	f.env = append(os.Environ(), "PATH="+filepath.Join(f.dir, "bin")+":"+os.Getenv("PATH"), "EDITOR=true", "GONOSUMDB=*", "HTTP=127.0.0.1:0",
		"GOMEKO_BROKER="+uri, "GOMEKO_JOBS_STORE=@"+filepath.Join(f.dir, "secrets", "jobs"), "GOMEKO_MANAGEMENT=@"+filepath.Join(f.dir, "secrets", "management"))

	ch := brokertest.Channel(t, uri)
	if err := ch.ExchangeDeclare("shop", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	brokertest.Bind(t, ch, "shop", "#")
	hosts := f.start(t, "fleet --config config.yaml", "")
	hosts.Line("msg=ready")
	f.names = strings.NewReplacer("amqp://guest:guest@localhost:5672/", uri, "guest@rabbitmq:15672", "guest@"+management, "/run/secrets/", f.dir+"/secrets/",
		"/etc/bash_completion.d/", f.dir+"/etc/", "GOARCH=arm64", "GOARCH="+runtime.GOARCH, "127.0.0.1:5673", "127.0.0.1:0", "127.0.0.1:15672", "127.0.0.1:0",
		" --user orders:www", "", // only for root: see TestProcessesUser
		"orders/vm1/4711-9f3c", "orders/"+f.instance(t))
	return f
}

// modules writes the packages that examples name, in the module example.org/shop.
func (f *exampleFleet) modules(t *testing.T) {
	t.Helper()
	_, mod, _ := strings.Cut(needed(t, "../../go.mod", nil), "\n")
	write(t, f.dir, "go.mod", "module example.org/shop\n"+mod+"\nrequire github.com/gomeko/gomeko v0.0.0\nreplace github.com/gomeko/gomeko => "+f.clone+"\n")
	write(t, f.dir, "go.sum", needed(t, "../../go.sum", nil))
	for _, name := range []string{"orders", "users"} {
		upper := strings.ToUpper(name[:1]) + name[1:]
		write(t, f.dir, name+"/"+name+".go", strings.NewReplacer("Greeting", upper, "greeting_service", "my_"+name).Replace("package "+name+"\n"+shopService))
	}
	for _, name := range []string{"helloworld", "jobs"} {
		if err := os.CopyFS(filepath.Join(f.dir, "examples", name), os.DirFS("../../examples/"+name)); err != nil {
			t.Fatal(err)
		}
		tests, _ := filepath.Glob(filepath.Join(f.dir, "examples", name, "*_test.go"))
		for _, file := range tests {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// walk calls tell for each example in the help of a command and of its subcommands. A command
// without an example fails the test.
func (f *exampleFleet) walk(t *testing.T, path []string, tell func(line string)) {
	t.Helper()
	name := strings.Join(path, " ")
	help := f.output(t, name+" --help")
	_, examples, found := strings.Cut(help, "\nExamples:\n")
	if !found {
		t.Errorf("%s --help has no example", name)
	}
	examples, _, _ = strings.Cut(examples, "\n\n")
	for line := range strings.Lines(examples) {
		if !strings.Contains(line, path[0]) {
			t.Errorf("%s --help has the example %q, which does not run it", name, line)
		}
		tell(strings.TrimSpace(line))
	}
	_, commands, _ := strings.Cut(help, "\nAvailable Commands:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for line := range strings.Lines(commands) {
		f.walk(t, append(path[:len(path):len(path)], strings.Fields(line)[0]), tell)
	}
}

// run runs an example.
func (f *exampleFleet) run(t *testing.T, line string) {
	var n need
	for _, candidate := range needs {
		if line == candidate.words || strings.HasPrefix(line, candidate.words+" ") {
			n = candidate
			break
		}
	}
	if n.shell != "" {
		if _, err := exec.LookPath(n.shell); err != nil {
			hosttest.Missing(t, n.shell+" is not installed: run scripts/setup")
		}
	}
	line = f.names.Replace(line)
	if line == "gomeko broker" {
		line += " --listen 127.0.0.1:0" // another broker may have the port
	}
	if n.with != nil {
		line = n.with(t, f, line)
	}
	if n.ready == "" {
		if p := f.startIn(t, n.in, n.shell, line); p.Wait() != 0 {
			t.Errorf("got exit status %s of %s\n%s%s", p.State(), line, p.Stdout(), p.Stderr())
		}
		return
	}
	p := f.startIn(t, n.in, n.shell, "exec "+line)
	hosttest.Eventually(t, line+" is ready", func() bool {
		select {
		case <-p.Ended():
			t.Fatalf("%s ended: %s\n%s%s", line, p.State(), p.Stdout(), p.Stderr())
		default:
		}
		return strings.Contains(p.Stdout()+p.Stderr(), n.ready)
	})
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d of %s after SIGTERM\n%s", status, line, p.Stderr())
	}
}

// start starts a line, which may be a shell command.
func (f *exampleFleet) start(t *testing.T, line, shell string) *hosttest.Process {
	t.Helper()
	return f.startIn(t, "", shell, "exec "+line)
}

func (f *exampleFleet) startIn(t *testing.T, folder, shell, line string) *hosttest.Process {
	t.Helper()
	args := []string{"bash", "-e", "-o", "pipefail", "-c", line}
	switch shell {
	case "zsh":
		args = []string{"zsh", "-f", "-c", line}
	case "fish":
		args = []string{"fish", "--no-config", "-c", line}
	}
	if strings.HasPrefix(line, "yes |") {
		args = []string{"bash", "-ec", line} // yes dies of the pipe
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = filepath.Join(f.dir, folder), f.env
	return hosttest.StartProcess(t, cmd)
}

// output runs a line and returns what it prints.
func (f *exampleFleet) output(t *testing.T, line string) string {
	t.Helper()
	p := f.startIn(t, "", "", line)
	if status := p.Wait(); status != 0 {
		t.Fatalf("%s: got exit status %d", line, status)
	}
	return p.Stdout()
}

// instance returns the name of the process of the fleet.
func (f *exampleFleet) instance(t *testing.T) string {
	t.Helper()
	var row struct{ Instance string }
	if err := json.Unmarshal([]byte(f.output(t, "gomeko services orders --json")), &row); err != nil {
		t.Fatal(err)
	}
	return row.Instance
}

// empty runs the line in a new folder, with the gomeko of this clone.
func empty(_ *testing.T, f *exampleFleet, line string) string {
	f.folders++
	return fmt.Sprintf("mkdir -p made/%d && cd made/%[1]d && %s --clone %s", f.folders, line, f.clone)
}

// parked parks a message, whose ID replaces the one in the line.
func parked(t *testing.T, f *exampleFleet, line string) string {
	t.Helper()
	uri := strings.TrimSpace(needed(t, filepath.Join(f.dir, "secrets", "broker"), nil))
	ch := brokertest.Channel(t, uri)
	if err := ch.PublishWithContext(t.Context(), "", "bills", false, false, amqp.Publishing{ContentType: "application/json", Body: []byte(`"a bill"`)}); err != nil {
		t.Fatal(err)
	}
	var id string
	hosttest.Eventually(t, "a message is parked", func() bool {
		var row struct{ ID string }
		first, _, _ := strings.Cut(f.output(t, "gomeko dead ls bills --json || true"), "\n")
		_ = json.Unmarshal([]byte(first), &row) // it is empty until a message is parked
		id = row.ID
		return id != ""
	})
	return strings.Replace(line, "3f2a9c1e", id, 1)
}

// exported writes the file that dead import reads.
func exported(t *testing.T, f *exampleFleet, line string) string {
	t.Helper()
	f.output(t, parked(t, f, "gomeko dead export bills > bills.ndjson"))
	return line
}

// unhosted registers the periodic row reports.Weekly, which no service of the fleet has.
func unhosted(t *testing.T, f *exampleFleet, line string) string {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(f.dir, "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Register(t.Context(), store.Periodic{
		Service: "reports", Name: "weekly", Field: "Weekly", Queue: "gomeko.jobs.reports",
		Schedule: "0 4 * * MON", Zone: "UTC", Missed: "once", Overlap: "skip",
	})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// job enqueues a job that resizes an image and waits for its state. Its ID replaces the one in the
// line.
func job(state string, args ...string) func(*testing.T, *exampleFleet, string) string {
	return func(t *testing.T, f *exampleFleet, line string) string {
		t.Helper()
		id := strings.TrimSpace(f.output(t, "gomeko jobs enqueue images.resize "+strings.Join(args, " ")))
		hosttest.Eventually(t, "the job has "+state, func() bool {
			return strings.Contains(f.output(t, "gomeko jobs show "+id+" --json"), `"state":"`+state+`"`)
		})
		return strings.Replace(line, "3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11", id, 1)
	}
}
