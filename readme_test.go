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

// TestREADME does what the README says, word for word, but for the port: the broker is one of the test's own.
func TestREADME(t *testing.T) {
	readme := readREADME(t)
	gomeko := hosttest.Build(t, "./cmd/gomeko")
	user := t.TempDir()
	broker := start(t, user, nil, gomeko, "broker", "--listen", "127.0.0.1:0")
	uri := "amqp://guest:guest@" + broker.Match(`127\.0\.0\.1:\d+`) + "/"
	env := append(os.Environ(), "AMQP_URI="+uri)

	t.Run("two commands", func(t *testing.T) {
		started := start(t, ".", env, "sh", "-c", "exec "+readme.nth(t, "## Two commands", 0))
		printed := regexp.QuoteMeta(readme.nth(t, "## Two commands", 1))
		printed = strings.ReplaceAll(printed, `127\.0\.0\.1:5672`, `127\.0\.0\.1:\d+`)
		started.Match("(?m)^" + strings.ReplaceAll(printed, "\n", "\n(?:.*\n)*?") + "$")
		transcript := strings.Split(readme.nth(t, "## Two commands", 2), "\n")
		script := "print(repr(" + strings.TrimPrefix(transcript[0], ">>> ") + "))"
		shell := exec.Command(gomeko, "shell")
		shell.Env, shell.Stdin = env, strings.NewReader(script)
		run(t, shell, transcript[1]+"\n")
	})

	const own = "## A service of your own"
	readme.file(t, own, 1, user) // greeting.go
	readme.file(t, own, 2, user) // greeting_test.go
	setUp := readme.console(t, own, 0)
	setUp[1].line = strings.Replace(setUp[1].line, "../gomeko", hosttest.Root(t), 1)
	for _, c := range append(setUp, readme.console(t, own, 3)[:2]...) {
		run(t, c.in(user, env), "")
	}
	last := readme.console(t, own, 3)[2]
	start(t, user, env, "sh", "-c", "exec "+last.line).Line("Connected to ")
	for _, c := range readme.console(t, own, 4) {
		run(t, c.in(user, env), c.output)
	}
	t.Run("web", func(t *testing.T) { readme.web(t, user, env) })
	t.Run("python", func(t *testing.T) {
		python := hosttest.Python(t, hosttest.Kombu5_2)
		script := strings.Replace(readme.nth(t, own, 5), "amqp://guest:guest@localhost:5672/", uri, 1)
		run(t, exec.Command(python, "-c", script), "¡Hola, Julio!\n")
	})
}

// web does what the README says of HTTP, on a free port.
func (r readme) web(t *testing.T, dir string, env []string) {
	const heading = "## HTTP and websockets"
	r.file(t, heading, 0, dir) // door.go
	const free = "WEB_SERVER_ADDRESS: 127.0.0.1:0\n"
	if err := os.WriteFile(filepath.Join(dir, "free.yaml"), []byte(free), 0o600); err != nil {
		t.Fatal(err)
	}
	c := r.console(t, heading, 1)
	serve, curl := c[0], c[1]
	address := strings.TrimPrefix(start(t, dir, env, "sh", "-c", "exec "+serve.line+" --config free.yaml").Match(`http://127\.0\.0\.1:\d+`), "http://")

	socket, upgrade, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	upgrade.Body.Close()
	defer socket.Close()
	if err := socket.WriteMessage(websocket.TextMessage, []byte(`{"method": "watch"}`)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the socket's own event, and that it watches
		if _, _, err := socket.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := http.Get("http://" + address + strings.TrimPrefix(curl.line, "curl localhost:8000"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); string(body)+"\n" != curl.output || err != nil {
		t.Errorf("%s: got %q, %v, want %q", curl.line, body, err, curl.output)
	}
	want := r.nth(t, heading, 2)
	if _, frame, err := socket.ReadMessage(); string(frame) != want || err != nil {
		t.Errorf("got %s, %v, want %s", frame, err, want)
	}
}

// A readme is the code blocks of the README by their heading.
type readme map[string][]string

func readREADME(t *testing.T) readme {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks, heading := readme{}, ""
	for _, part := range regexp.MustCompile("(?m)^## .*$|(?s)```[a-z]*\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(part[0], "## ") {
			heading = part[0]
			continue
		}
		blocks[heading] = append(blocks[heading], part[1])
	}
	return blocks
}

func (r readme) nth(t *testing.T, heading string, n int) string {
	t.Helper()
	if n >= len(r[heading]) {
		t.Fatalf("README.md has no block %d under %q", n, heading)
	}
	return r[heading][n]
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

// A command is a line after a "$ ", and what it prints.
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

// run runs cmd to its end; want is its standard output, "" for whatever it is.
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
