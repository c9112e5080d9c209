//go:build unix

package runner

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/web"
)

// Door is a service that only has a route.
type Door struct {
	_ service.Name `service:"door"`

	Entrypoints struct {
		Knock web.Route `web:"GET /knock/{times}"`
	}
}

func (*Door) Knock(_ context.Context, times int) (int, error) { return times, nil }

// configured writes a configuration file and returns its flag.
func configured(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--config=" + path
}

// Routes are served on the configured address, which is printed. This needs no broker.
func TestWeb(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/") // no broker listens there
	out := new(output)
	told := make(chan string, 1)
	out.on = map[string]func(){"msg=ready": func() {
		go func() {
			defer terminate()
			told <- knock(out.String)
		}()
	}}
	c := &command{in: os.Stdin, out: out, err: out}
	flag := configured(t, "WEB_SERVER_ADDRESS: 127.0.0.1:0\ngomeko: {web: {access_log: false}}")
	if status := c.execute(c.program([]fx.Option{service.Provide(new(Door))}), []string{flag}); status != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", status, out)
	}
	if got := <-told; got != "3" {
		t.Errorf("got %s, want 3:\n%s", got, out)
	}
}

// knock requests the routes at the printed URL.
func knock(printed func() string) string {
	url := regexp.MustCompile(`Listening on (http://127\.0\.0\.1:\d+)\n`).FindStringSubmatch(printed())
	if url == nil {
		return "no URL"
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url[1] + "/knock/3")
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Mistakes in the address and the certificate are reported with the remedy.
func TestWebMistakes(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for config, want := range map[string]string{
		"WEB_SERVER_ADDRESS: 192.0.2.1:8000":                             "cannot assign requested address: name another address with --http ADDRESS, or as WEB_SERVER_ADDRESS in the configuration file",
		"WEB_SERVER_ADDRESS: " + other.Addr().String():                   "configuration file, or stop the program that uses this one",
		"gomeko: {web: {tls_cert: /nowhere.pem, tls_key: /nowhere.pem}}": "must name PEM files of a certificate and its private key",
	} {
		out := new(output)
		c := &command{in: os.Stdin, out: out, err: out}
		status := c.execute(c.program([]fx.Option{service.Provide(new(Door))}), []string{configured(t, config)})
		if status != exitFailed || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got exit status %d, want %d and %q:\n%s", config, status, exitFailed, want, out)
		}
	}
}

// Metronome is a service without routes.
type Metronome struct {
	_ service.Name `service:"metronome"`

	Entrypoints struct {
		Tick timer.Interval `timer:"1h"`
	}
}

func (*Metronome) Tick(context.Context) error { return nil }

// A process without routes serves the health check that is configured.
func TestReadyWithoutRoutes(t *testing.T) {
	out := new(output)
	told := make(chan string, 1)
	out.on = map[string]func(){"msg=ready": func() {
		go func() {
			defer terminate()
			url := regexp.MustCompile(`Listening on (\S+)`).FindStringSubmatch(out.String())
			if url == nil {
				told <- "no URL"
				return
			}
			answer, err := http.Get(url[1] + "/ready")
			if err != nil {
				told <- err.Error()
				return
			}
			defer answer.Body.Close()
			text, _ := io.ReadAll(answer.Body)
			told <- answer.Status + " " + string(text)
		}()
	}}
	c := &command{in: os.Stdin, out: out, err: out}
	flag := configured(t, "WEB_SERVER_ADDRESS: 127.0.0.1:0\ngomeko: {web: {ready_path: /ready}}")
	if status := c.execute(c.program([]fx.Option{service.Provide(new(Metronome))}), []string{flag}); status != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", status, out)
	}
	if got := <-told; got != "200 OK ready\n" {
		t.Errorf("got %q:\n%s", got, out)
	}
}

// The flag --http takes precedence over the configuration file.
func TestHTTPFlag(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/") // no broker listens there
	for _, args := range [][]string{{"--http", "127.0.0.1:0"}, {"run", "--http", "127.0.0.1:0"}} {
		out := new(output)
		told := make(chan string, 1)
		out.on = map[string]func(){"msg=ready": func() {
			go func() {
				defer terminate()
				told <- knock(out.String)
			}()
		}}
		c := &command{in: os.Stdin, out: out, err: out}
		args = append(args, configured(t, "WEB_SERVER_ADDRESS: 192.0.2.1:8000"))
		if status := c.execute(c.program([]fx.Option{service.Provide(new(Door))}), args); status != 0 {
			t.Errorf("%v: got exit status %d, want 0:\n%s", args, status, out)
			continue
		}
		if got := <-told; got != "3" {
			t.Errorf("%v: got %s, want 3:\n%s", args, got, out)
		}
	}
	out := new(output)
	c := &command{in: os.Stdin, out: out, err: out}
	if status := c.execute(c.program([]fx.Option{service.Provide(new(Door))}), []string{"--http", "localhost"}); status == 0 || !strings.Contains(out.String(), "must be host:port or a port") {
		t.Errorf("got exit status %d and %s, want what is wrong", status, out)
	}
}
