package httpservice_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	httpservice "github.com/gomeko/gomeko/examples/http"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts services on a free port, and returns its address.
func serve(t *testing.T, services ...any) (address string) {
	t.Helper()
	var port hosttest.Port
	hosttest.Start(t, hosttest.Config{}, append(services, service.Configure(web.Config{Listen: port.Listen}))...)
	return port.Address()
}

// curl runs a command line with curl, and returns its output without the headers that vary.
func curl(t *testing.T, address, line string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		hosttest.Missing(t, "curl is not installed: run scripts/setup")
	}
	// A shell parses the line, as in a terminal.
	out, err := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(line, "curl", "curl -sS", 1)).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	text := strings.ReplaceAll(string(out), "\r\n", "\n")
	return regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*\n`).ReplaceAllString(text, "")
}

// TestTranscripts runs the commands of the package's documentation, and compares their output.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, new(httpservice.HTTPService))
	text := regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(string(doc), "")
	transcripts := regexp.MustCompile(`(?s)\$ (curl [^\n]*)\n(.*?\n\n.*?)\n\n`).FindAllStringSubmatch(text, -1)
	if len(transcripts) != 2 {
		t.Fatalf("got %d transcripts, want 2", len(transcripts))
	}
	for _, found := range transcripts {
		line := strings.Replace(found[1], "localhost:8000", address, 1)
		if got := curl(t, address, line); got != found[2] {
			t.Errorf("%s: got\n%s\nwant\n%s", found[1], got, found[2])
		}
	}
}

// TestExamples runs the other examples of Nameko's documentation.
func TestExamples(t *testing.T) {
	t.Parallel()
	plain, module := serve(t, new(httpservice.HTTPService)), serve(t, httpservice.Module)
	for _, c := range []struct{ address, path, want string }{
		{plain, "/privileged", "HTTP/1.1 403 Forbidden\nContent-Type: text/plain; charset=utf-8\nContent-Length: 9\n\nForbidden"},
		{plain, "/headers", "HTTP/1.1 201 Created\nContent-Type: text/plain; charset=utf-8\nLocation: https://www.example.com/widget/1\nContent-Length: 0\n\n"},
		{plain, "/custom", "HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8\nContent-Length: 7\n\npayload"},
		{plain, "/get/abc", "HTTP/1.1 404 Not Found\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\nContent-Length: 41\n\n" +
			"Error: NotFound: nothing is at this path\n"},
		{plain, "/custom_exception", "HTTP/1.1 400 Bad Request\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\nContent-Length: 53\n\n" +
			"Error: InvalidArguments: Argument `foo` is required.\n"},
		{module, "/custom_exception", "HTTP/1.1 400 Bad Request\nContent-Type: application/json\nContent-Length: 70\n\n" +
			`{"error":"invalid_arguments","message":"Argument ` + "`foo`" + ` is required."}` + "\n"},
	} {
		got := curl(t, c.address, "curl -i "+c.address+c.path)
		if sorted(got) != sorted(c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.path, got, c.want)
		}
	}
}

func TestWebsocket(t *testing.T) {
	t.Parallel()
	s := servicetest.New(t, httpservice.Module).Socket()
	var got string
	if err := s.Call(t.Context(), "echo", &got, rpc.Kwargs{"value", "hellø"}); got != "hellø" || err != nil {
		t.Errorf("got %q, %v, want hellø", got, err)
	}
	err := s.Call(t.Context(), "echo", nil, rpc.Kwargs{"value", 7})
	if want := "IncorrectSignature"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v of a number, want %s", err, want)
	}
}

// sorted returns the lines of a response, sorted, because the order of headers varies.
func sorted(answer string) string {
	lines := strings.Split(answer, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
