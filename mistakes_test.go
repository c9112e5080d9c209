package gomeko_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/docs/testdata/camera"
	"github.com/gomeko/gomeko/docs/testdata/mistakes"
	"github.com/gomeko/gomeko/examples/board"
	"github.com/gomeko/gomeko/examples/helloworld"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

const mistakesPage = "docs/mistakes.md"

// A site is where the commands of a section of the page run. By default it is the clone, with a
// broker and services on it.
type site struct {
	dir    string
	broker string // 127.0.0.1:port, for the page's 127.0.0.1:5672
}

// sites are the sites of sections that need another one, by their headings.
var sites = map[string]func(*testing.T, *site){
	"A module without gomeko": func(t *testing.T, p *site) {
		code, err := os.ReadFile("examples/helloworld/greeting.go")
		if err != nil {
			t.Fatal(err)
		}
		p.file(t, "greeting.go", string(code))
		p.file(t, "go.mod", "module example.com/shop\n")
	},
	"No broker": func(t *testing.T, p *site) {
		p.broker = hosttest.FreeAddress(t)
	},
	"A queue that exists with other arguments": func(t *testing.T, p *site) {
		uri := brokertest.Embedded(t)
		p.broker = addressOf(uri)
		conn, err := transport.Dial(t.Context(), transport.Config{URI: uri})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{
			{Name: "rpc-greeting_service", Durable: true, Args: transport.Table{"x-max-priority": 9}},
		}}); err != nil {
			t.Fatal(err)
		}
	},
}

// programs are the services of sections whose mistakes "gomeko run" cannot make.
var programs = map[string][]any{
	"No name": {new(mistakes.Couriers), broker},
	"A configuration by pointer": {new(helloworld.Greeting), broker,
		service.Configure(&rpc.Config{Timeout: 5 * time.Second})},
	"A configuration that nothing reads": {new(helloworld.Greeting), broker,
		service.Configure(web.Config{Address: ":8080"})},
	"A field without inject": {new(mistakes.Vouchers), broker, config.Provide("vouchers", mistakes.Limits{PerDay: 3})},
	"A health check without a method": {new(helloworld.Greeting), broker, config.Provide("vouchers", mistakes.Limits{PerDay: 3}),
		service.CheckHealth[mistakes.Limits]()},
	"A typed client of a method that does not exist": {new(mistakes.Lockers), new(helloworld.Greeting), broker},
	"Two answers to what a process is asked": {new(helloworld.Greeting), broker,
		service.Configure(fleet.Control(fleet.ControlConfig{})),
		service.Configure(fleet.Control(fleet.ControlConfig{Access: fleet.AccessFull}))},
	"A hub of a fleet without the fleet":      {board.New(), broker, service.Configure(web.Config{Hub: "fleet"})},
	"Ticks of a row that only people may run": {new(mistakes.Lamps), broker, service.Configure(new(grant.Keys).Guard())},
	"A declared queue that no row names": {new(mistakes.Ledger), broker,
		messaging.Declare(messaging.Queue{Name: "bookings", Type: messaging.Quorum})},
}

var broker = service.Configure(transport.Config{URI: "amqp://"})

// TestMistakes makes each mistake of the page and compares the message with the page.
func TestMistakes(t *testing.T) {
	page, err := os.ReadFile(mistakesPage)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(hosttest.Build(t, "./cmd/gomeko"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of the programs that gomeko run builds
	usual := site{hosttest.Root(t), addressOf(startServices(t))}
	reported := strings.Split(strings.TrimSpace(usual.run(t, "gomeko run ./docs/testdata/mistakes")), "\n")[1:] // after "building"

	var got strings.Builder
	section, where, code := "", usual, ""
	for _, part := range regexp.MustCompile("(?ms)^### .*?$|^```(\\w+)\n(.*?)^```$|.").FindAllStringSubmatch(string(page), -1) {
		whole, language, text := part[0], part[1], part[2]
		switch {
		case strings.HasPrefix(whole, "### "):
			section, where = strings.TrimPrefix(whole, "### "), usual
			if elsewhere := sites[section]; elsewhere != nil {
				elsewhere(t, &where)
			}
		case language == "go":
			code = text
		case language == "yaml":
			name, content, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
			where.file(t, name, content)
		case language == "text" && programs[section] != nil:
			_, err := service.New(service.Config{}, programs[section]...)
			whole = block(language, err.Error()+"\n")
		case language == "text":
			var mine []string
			mine, reported = split(reported, code)
			whole = block(language, strings.Join(mine, ""))
		case language == "console":
			whole = block(language, where.console(t, text))
		}
		got.WriteString(whole)
	}
	if len(reported) > 0 {
		t.Errorf("%s does not have:\n%s", mistakesPage, strings.Join(reported, "\n"))
	}
	golden.File(t, mistakesPage, []byte(got.String()))
}

func block(language, text string) string { return "```" + language + "\n" + text + "```" }

var declared = regexp.MustCompile(`(?m)service:"(\w+)"|^type (\w+)`)

// split returns the lines about services that are declared in code, and the other lines.
func split(lines []string, code string) (mine, left []string) {
	for _, line := range lines {
		is := false
		for _, name := range declared.FindAllStringSubmatch(code, -1) {
			is = is || strings.HasPrefix(line, "service "+name[1]+": ") || strings.HasPrefix(line, "service mistakes."+name[2]+": ")
		}
		if is {
			mine = append(mine, line+"\n")
		} else {
			left = append(left, line)
		}
	}
	return mine, left
}

// file writes a file to a temporary folder, in which the section's commands then run.
func (p *site) file(t *testing.T, name, content string) {
	t.Helper()
	if p.dir == hosttest.Root(t) {
		p.dir = t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// console runs the lines that begin with "$ " and returns them with their output.
func (p *site) console(t *testing.T, text string) string {
	t.Helper()
	var transcript strings.Builder
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			transcript.WriteString(line + p.run(t, command))
		}
	}
	return transcript.String()
}

// run runs a shell command and returns its output, with the addresses of the page.
func (p *site) run(t *testing.T, line string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "127.0.0.1:5672", p.broker))
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "AMQP_URI=amqp://guest:guest@"+p.broker+"/")
	out, err := cmd.CombinedOutput()
	if (err == nil) != strings.HasPrefix(string(out), "warning: ") {
		t.Errorf("%s: got %v\n%s", strings.TrimSpace(line), err, out)
	}
	text := progress.ReplaceAllString(string(out), "")
	return strings.NewReplacer(p.broker, "127.0.0.1:5672", p.dir, "/home/you/shop").Replace(text)
}

// progress matches what a build prints that takes long.
var progress = regexp.MustCompile(`(?m)^building: .*\n`)

// startServices hosts the services that the page calls, on a new broker.
func startServices(t *testing.T) (uri string) {
	t.Helper()
	uri = brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(helloworld.Greeting), new(camera.Camera))
	return uri
}

// addressOf returns the host and port of a URI.
func addressOf(uri string) string {
	_, address, _ := strings.Cut(uri, "@")
	address, _, _ = strings.Cut(address, "/")
	return strings.Replace(address, "localhost", "127.0.0.1", 1)
}
