//go:build unix

package crew_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// page is the page with the transcripts.
const page = "../../docs/crew.md"

// TestTranscripts runs every command of docs/crew.md with the real gomeko and the real curl, and
// compares the output with the page. The services run apart, on the embedded broker and on
// RabbitMQ, and together.
func TestTranscripts(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		hosttest.Missing(t, "curl is not installed: run scripts/setup")
	}
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"GOCACHE":        strings.TrimSpace(string(cache)),
		"XDG_CACHE_HOME": t.TempDir(), // for the programs that gomeko run builds
		"AMQP_URI":       "amqp://guest:guest@" + hosttest.FreeAddress(t) + "/",
	} {
		t.Setenv(name, value)
	}
	f := &factory{gomeko: hosttest.Build(t, "../../cmd/gomeko"), doc: read(t)}
	t.Run("apart", func(t *testing.T) {
		outputs := f.apart(t, "")
		golden.File(t, page, []byte(f.doc.with(outputs)))
	})
	f.doc = read(t) // with -update, it is new
	t.Run("others", func(t *testing.T) {
		t.Run("apart on RabbitMQ", func(t *testing.T) {
			t.Parallel()
			f.doc.compare(t, f.apart(t, brokertest.RabbitMQ(t)))
		})
		t.Run("together", func(t *testing.T) {
			t.Parallel()
			f.doc.compare(t, f.together(t))
		})
	})
}

// read reads the page.
func read(t *testing.T) *document {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

// A factory runs the commands of the page.
type factory struct {
	gomeko string
	doc    *document
}

// together runs the services in one process, with the embedded broker.
func (f *factory) together(t *testing.T) map[int]string {
	web := f.start(t, f.doc.line(t, "./examples/crew"), "--broker", "embedded", "--http", "127.0.0.1:0")
	s := &session{t: t, address: address(web)}
	outputs := map[int]string{}
	for i, c := range f.doc.commands {
		if c.worker == running {
			s.run(i, c.line, outputs)
		}
	}
	return outputs
}

// apart runs each service in another process, on the broker of a URI or on that of the page.
func (f *factory) apart(t *testing.T, uri string) map[int]string {
	if uri == "" {
		line := f.start(t, f.doc.line(t, "broker"), "--listen", "127.0.0.1:0").Line("embedded broker on ")
		at, _, _ := strings.Cut(strings.TrimPrefix(line, "embedded broker on "), ",")
		uri = "amqp://guest:guest@" + at + "/"
	}
	web := f.start(t, f.doc.line(t, "./examples/crew:Web"), "--broker", uri, "--http", "127.0.0.1:0")
	s := &session{t: t, address: address(web)}
	outputs := map[int]string{}
	var worker *hosttest.Process
	for i, c := range f.doc.commands {
		if c.worker == running && worker == nil {
			worker = f.start(t, f.doc.line(t, "./examples/crew:Worker"), "--broker", uri)
			worker.Line("msg=ready")
		}
		if c.worker == stopped {
			worker.Signal(syscall.SIGTERM)
			if status := worker.Wait(); status != 0 {
				t.Errorf("the worker ended with status %d", status)
			}
		}
		s.run(i, c.line, outputs)
	}
	return outputs
}

// start starts gomeko with a line of the page and further flags.
func (f *factory) start(t *testing.T, line []string, flags ...string) *hosttest.Process {
	t.Helper()
	cmd := exec.Command(f.gomeko, append(line, flags...)...)
	cmd.Dir = "../.."
	return hosttest.StartProcess(t, cmd)
}

// address waits until the services of a process accept requests, and returns their host and port.
func address(p *hosttest.Process) string {
	p.Line("msg=ready")
	return strings.TrimPrefix(p.Match(`Listening on http://\S+`), "Listening on http://")
}

// A session is a terminal, and a second one for a command that listens.
type session struct {
	t       *testing.T
	address string
	next    string // the position in the latest response to a poll

	listening *listening
}

// run runs a line, and adds its output to outputs. One that listens goes on while the next line
// runs.
func (s *session) run(i int, line string, outputs map[int]string) {
	s.t.Helper()
	isListener := strings.Contains(line, "/subscribe") && !strings.Contains(line, "next=")
	line = strings.Replace(line, "curl", "curl -sS", 1)
	line = strings.Replace(line, "localhost:8000", s.address, 1)
	line = strings.Replace(line, "AQ…", s.next, 1)
	if isListener {
		s.listening = listen(s.t, i, line)
		return
	}
	publish := func() string {
		out, err := exec.CommandContext(s.t.Context(), "sh", "-c", line).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	out := publish()
	outputs[i] = s.masked(out)
	if l := s.listening; l != nil {
		s.listening = nil
		outputs[l.index] = s.masked(l.hear(func() { publish() }))
	}
}

// masks replace what is different each time.
var masks = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*$`), "$1: …"},
	{regexp.MustCompile(`[\w.-]+/\d+-[0-9a-f]{4}\b`), "host/pid-xxxx"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "…"},
	{regexp.MustCompile(`("next":"|(?m:^id: ))[\w-]+`), "${1}AQ…"},
	{regexp.MustCompile(`(?m)^retry: \d+$`), "retry: …"},
	{regexp.MustCompile(`(Stat result: .* I serve )\d+`), "$1…"},
}

// masked returns an output as the page shows it.
func (s *session) masked(out string) string {
	if next := regexp.MustCompile(`"next":"([\w-]+)"`).FindStringSubmatch(out); next != nil {
		s.next = next[1]
	}
	out = strings.ReplaceAll(out, "\r\n", "\n")
	for _, m := range masks {
		out = m.pattern.ReplaceAllString(out, m.by)
	}
	if out == "" {
		return ""
	}
	return strings.TrimRight(out, "\n") + "\n"
}

// A listening command is one that waits for messages.
type listening struct {
	t      *testing.T
	index  int // of the command
	stream bool
	p      *hosttest.Process
}

// listen starts a command that listens.
func listen(t *testing.T, index int, line string) *listening {
	t.Helper()
	l := &listening{t: t, index: index, stream: strings.Contains(line, "event-stream")}
	l.p = hosttest.StartProcess(t, exec.Command("sh", "-c", "exec "+line))
	if l.stream { // it hears everything from its first line on
		hosttest.Eventually(t, "the stream begins", func() bool { return strings.Contains(l.p.Stdout(), "\n\n") })
	}
	return l
}

// hear returns what the command has printed when it has heard a message. A poll that came to the
// process after the message hears another one, which again sends.
func (l *listening) hear(again func()) string {
	if l.stream {
		hosttest.Eventually(l.t, "the stream has the message", func() bool {
			return strings.Contains(l.p.Stdout(), "data: ") && strings.HasSuffix(l.p.Stdout(), "\n\n")
		})
		l.p.Kill()
		return l.p.Stdout()
	}
	for {
		select {
		case <-l.p.Ended():
			return l.p.Stdout()
		case <-time.After(2 * time.Second):
			again()
		}
	}
}
