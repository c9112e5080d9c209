//go:build unix

package runner

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Behind is an application behind a queue.
type Behind struct {
	_ service.Name `service:"behind"`

	Entrypoints struct {
		Site web.Backend `web:"behind"`
	}
}

func (*Behind) Site(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RequestURI) }

// The command gomeko front forwards all paths unchanged.
func TestFrontCommand(t *testing.T) {
	uri := brokertest.Embedded(t)
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Behind), service.Configure(fleet.HTTP()))
	out := new(output)
	told := make(chan string, 1)
	out.on = map[string]func(){"msg=ready": func() {
		go func() {
			defer terminate()
			url := regexp.MustCompile(`Listening on (http://127\.0\.0\.1:\d+)\n`).FindStringSubmatch(out.String())
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			answer, err := client.Get(url[1] + "/a//../b/%2e%2e?c")
			if err != nil {
				told <- err.Error()
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			told <- string(text)
		}()
	}}
	c := &command{in: os.Stdin, out: out, err: out}
	if status := c.execute(c.gomeko(), []string{"front", "behind", "--listen=127.0.0.1:0", "--broker=" + uri}); status != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", status, out)
	}
	if got, want := <-told, "/a//../b/%2e%2e?c"; got != want {
		t.Errorf("got %s, want %s:\n%s", got, want, out)
	}
}

// For a wrong command line, gomeko front says what to write.
func TestFrontUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"front", "to which backend?"},
		{"front shop --broker embedded", "cannot reach it"},
		{"front sh*p --broker amqp://127.0.0.1:1/", `"sh*p" is not the name of a backend`},
	} {
		out := new(output)
		command := &command{in: os.Stdin, out: out, err: out}
		if status := command.execute(command.gomeko(), strings.Fields(c.args)); status == 0 || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: got %d %s, want %s", c.args, status, out, c.want)
		}
	}
}
