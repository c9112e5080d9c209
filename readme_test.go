package gomeko_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// TestREADME does what the README says, word for word, on a broker and ports of the test's.
func TestREADME(t *testing.T) {
	readme := readREADME(t)
	gomeko := hosttest.Build(t, "./cmd/gomeko")
	broker := start(t, t.TempDir(), nil, gomeko, "broker", "--listen", "127.0.0.1:0")
	uri := "amqp://guest:guest@" + broker.Match(`127\.0\.0\.1:\d+`) + "/"
	env := append(os.Environ(), "AMQP_URI="+uri)

	t.Run("first screen", func(t *testing.T) { readme.firstScreen(t, gomeko, env) })
	t.Run("own service", func(t *testing.T) { readme.ownService(t, uri, env) })
}

// firstScreen runs the struct, the command and the call above the first heading.
func (r readme) firstScreen(t *testing.T, gomeko string, env []string) {
	example, err := os.ReadFile("examples/helloworld/greeting.go")
	if err != nil {
		t.Fatal(err)
	}
	if code := r.nth(t, "", 0); !strings.Contains(string(example), code) {
		t.Errorf("examples/helloworld does not contain:\n%s", code)
	}
	started := start(t, ".", env, "sh", "-c", "exec "+r.nth(t, "", 1))
	printed := regexp.QuoteMeta(r.nth(t, "", 2))
	printed = strings.ReplaceAll(printed, `127\.0\.0\.1:5672`, `127\.0\.0\.1:\d+`)
	started.Match("(?m)^" + strings.ReplaceAll(printed, "\n", "\n(?:.*\n)*?") + "$")
	transcript := strings.Split(r.nth(t, "", 3), "\n")
	shell := exec.Command(gomeko, "shell")
	shell.Env = env
	shell.Stdin = strings.NewReader("print(repr(" + strings.TrimPrefix(transcript[0], ">>> ") + "))")
	run(t, shell, transcript[1]+"\n")
}

// ownService writes the service of the README into a module, tests it, runs it and calls it.
func (r readme) ownService(t *testing.T, uri string, env []string) {
	const heading = "## Write a service"
	module := t.TempDir()
	r.file(t, heading, 1, module) // greeting.go
	r.file(t, heading, 2, module) // greeting_test.go
	setUp := r.console(t, heading, 0)
	setUp[1].line = strings.Replace(setUp[1].line, "../gomeko", hosttest.Root(t), 1)
	inModule := r.console(t, heading, 3)
	for _, c := range append(setUp, inModule[:2]...) {
		run(t, c.in(module, env), "")
	}
	const freePort = "WEB_SERVER_ADDRESS: 127.0.0.1:0\n"
	if err := os.WriteFile(filepath.Join(module, "port.yaml"), []byte(freePort), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, module, env, "sh", "-c", "exec "+inModule[2].line+" --config port.yaml")
	p.Line("Connected to ")
	address := strings.TrimPrefix(p.Match(`http://127\.0\.0\.1:\d+`), "http://")

	events := watch(t, address)
	for _, c := range r.console(t, heading, 4) {
		if url, ok := strings.CutPrefix(c.line, "curl localhost:8000"); ok {
			get(t, "http://"+address+url, c.output)
		} else {
			run(t, c.in(module, env), c.output)
		}
		if _, frame, err := events.ReadMessage(); !strings.Contains(r.text, "`"+string(frame)+"`") || err != nil {
			t.Errorf("%s: got the event %s, %v, which the README does not have", c.line, frame, err)
		}
	}
	t.Run("python", func(t *testing.T) {
		python := hosttest.Python(t, hosttest.Kombu5_2)
		script := strings.Replace(r.nth(t, heading, 5), "amqp://guest:guest@localhost:5672/", uri, 1)
		run(t, exec.Command(python, "-c", script), "Hello, Julio!\n")
	})
}

// watch returns a websocket that receives the events of the README's service.
func watch(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	socket, upgrade, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	upgrade.Body.Close()
	t.Cleanup(func() { socket.Close() })
	if err := socket.WriteMessage(websocket.TextMessage, []byte(`{"method": "watch"}`)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the event that it is connected, and the answer
		if _, _, err := socket.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	return socket
}

// get checks the body of a response, to which a terminal adds a line break.
func get(t *testing.T, url, want string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); string(body)+"\n" != want || err != nil {
		t.Errorf("%s: got %q, %v, want %q", url, body, err, want)
	}
}

// A readme is the README and its code blocks, by their heading; "" is the heading of the first
// ones.
type readme struct {
	text   string
	blocks map[string][]string
}

func readREADME(t *testing.T) readme {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	r, heading := readme{string(text), map[string][]string{}}, ""
	for _, part := range regexp.MustCompile("(?m)^## .*$|(?s)```[a-z]*\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(part[0], "## ") {
			heading = part[0]
			continue
		}
		r.blocks[heading] = append(r.blocks[heading], part[1])
	}
	return r
}

func (r readme) nth(t *testing.T, heading string, n int) string {
	t.Helper()
	if n >= len(r.blocks[heading]) {
		t.Fatalf("README.md has no block %d under %q", n, heading)
	}
	return r.blocks[heading][n]
}

// file writes a block to dir, under the name in its first line.
func (r readme) file(t *testing.T, heading string, n int, dir string) {
	t.Helper()
	code := r.nth(t, heading, n)
	name := strings.TrimPrefix(strings.SplitN(code, "\n", 2)[0], "// ")
	if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A command is a line after a "$ ", and its output.
type command struct{ line, output string }

func (c command) in(dir string, env []string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", c.line)
	cmd.Dir, cmd.Env = dir, env
	return cmd
}

func (r readme) console(t *testing.T, heading string, n int) (commands []command) {
	t.Helper()
	for _, line := range strings.Split(r.nth(t, heading, n), "\n") {
		if line, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, command{line: line})
			continue
		}
		commands[len(commands)-1].output += line + "\n"
	}
	return commands
}

// run runs cmd to its end and checks its standard output, unless want is "".
func run(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, &stdout, &stderr)
	}
	if want != "" && stdout.String() != want {
		t.Errorf("%s: got %q, want %q", cmd, &stdout, want)
	}
}

// start runs a program until the test ends.
func start(t *testing.T, dir string, env []string, name string, args ...string) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	return hosttest.StartProcess(t, cmd)
}
