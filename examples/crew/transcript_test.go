//go:build unix

package crew_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// page is the page with the transcripts.
const page = "../../docs/crew.md"

// TestTranscripts runs every command of docs/crew.md with the real gomeko and the real curl, and
// compares the output with the page. The services run in separate processes, on the embedded broker
// and on RabbitMQ, and then in one process.
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

// apart runs each service in its own process, with the broker at a URI or with the one on the page.
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

	listens string // the line of a command that listens while the next one runs
	index   int    // of that command
}

// run runs a line and adds its output to outputs. A line that listens runs together with the next
// line.
func (s *session) run(i int, line string, outputs map[int]string) {
	s.t.Helper()
	line = strings.Replace(line, "curl", "curl -sS", 1)
	line = strings.Replace(line, "localhost:8000", s.address, 1)
	line = strings.Replace(line, "AQ…", s.next, 1)
	if strings.Contains(line, "/subscribe") && !strings.Contains(line, "next=") {
		s.listens, s.index = line, i
		return
	}
	publish := func() {
		out, err := exec.CommandContext(s.t.Context(), "sh", "-c", line).CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, out)
		}
		outputs[i] = s.masked(string(out))
	}
	switch {
	case s.listens == "":
		publish()
	case strings.Contains(s.listens, "event-stream"):
		outputs[s.index] = s.masked(s.stream(publish))
	default:
		outputs[s.index] = s.masked(s.poll(publish))
	}
	s.listens = ""
}

// stream returns what a stream has printed after it has received a message.
func (s *session) stream(publish func()) string {
	p := hosttest.StartProcess(s.t, exec.Command("sh", "-c", "exec "+s.listens))
	heard := func(text string) bool {
		return strings.Contains(p.Stdout(), text) && strings.HasSuffix(p.Stdout(), "\n\n")
	}
	hosttest.Eventually(s.t, "the stream begins", func() bool { return heard("retry: ") })
	publish()
	hosttest.Eventually(s.t, "the stream has the message", func() bool { return heard("data: ") })
	p.Kill()
	return p.Stdout()
}

// poll returns the response to a poll that waits for a message. The message is published when the
// poll has been sent. If it overtakes the poll nevertheless, both are repeated.
func (s *session) poll(publish func()) string {
	for {
		p := hosttest.StartProcess(s.t, exec.Command("sh", "-c", "exec "+s.listens+" -v"))
		p.Line("> GET /subscribe")
		publish()
		if status := p.Wait(); status != 0 {
			s.t.Fatalf("%s: curl ended with status %d", s.listens, status)
		}
		if !strings.Contains(p.Stdout(), `"events":[]`) {
			return p.Stdout()
		}
	}
}

// masks replaces what differs each time.
var masks = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*$`), "$1: …"},
	{regexp.MustCompile(`[\w.-]+/\d+-[0-9a-f]{4}\b`), "host/pid-xxxx"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "…"},
	{regexp.MustCompile(`("next":"|(?m:^id: ))[\w-]+`), "${1}AQ…"},
	{regexp.MustCompile(`(?m)^retry: \d+$`), "retry: …"},
	{regexp.MustCompile(`(?m)^:\n\n`), ""}, // keeps a stream open
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
