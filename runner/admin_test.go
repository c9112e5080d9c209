//go:build unix

package runner

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/service"
)

// A process without routes serves the admin address that its configuration names.
func TestAdmin(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/") // no broker listens there
	path := filepath.Join(t.TempDir(), "admin.sock")
	out := new(output)
	told := make(chan string, 1)
	out.on = map[string]func(){"msg=ready": func() {
		go func() {
			defer terminate()
			told <- askSocket(path, "/ready")
		}()
	}}
	c := &command{in: os.Stdin, out: out, err: out}
	flag := configured(t, "gomeko: {admin: \"unix:"+path+"\"}")
	if status := c.execute(c.program([]fx.Option{service.Provide(new(Metronome))}), []string{flag}); status != 0 {
		t.Errorf("got exit status %d, want 0:\n%s", status, out)
	}
	if got := <-told; got != "200 OK ready\n" {
		t.Errorf("got %q:\n%s", got, out)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want that the socket is gone", err)
	}
}

// askSocket returns the response to a request over a unix socket.
func askSocket(socket, path string) string {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	answer, err := client.Get("http://admin" + path)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return answer.Status + " " + string(text)
}

// The services do not start if the admin address is in use.
func TestAdminInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out := new(output)
	c := &command{in: os.Stdin, out: out, err: out}
	flag := configured(t, "gomeko: {admin: "+l.Addr().String()+"}")
	status := c.execute(c.program([]fx.Option{service.Provide(new(Metronome))}), []string{flag})
	if status == 0 || !strings.Contains(out.String(), "set gomeko.admin to another address") {
		t.Errorf("got exit status %d and %s, want what to do", status, out)
	}
}
