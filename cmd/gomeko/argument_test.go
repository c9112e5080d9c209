package main_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// The broker's URI is read from the flag, a file or the environment, and so is the URI of the
// management API.
func TestBrokerFromElsewhere(t *testing.T) {
	uri := brokertest.Embedded(t)
	file := filepath.Join(t.TempDir(), "broker")
	empty := filepath.Join(t.TempDir(), "empty")
	for path, text := range map[string]string{file: uri + "\n", empty: "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const reached = "Unknown service `a`"
	nowhere := "amqp://u:hunter2@" + hosttest.FreeAddress(t) + "/"
	for _, test := range []struct {
		variable, flag, want string
		status               int
	}{
		{uri, "", reached, 1},
		{"@" + file, "", reached, 1},
		{nowhere, uri, reached, 1},
		{"", "@" + file, reached, 1},
		{uri, nowhere, "nobody is listening", 1},
		{"", "@" + empty, "--broker: " + empty + " must have one line, the URI\nsee gomeko call --help", 2},
		{"@/none", "", "GOMEKO_BROKER: open /none: no such file", 2},
	} {
		t.Setenv("GOMEKO_BROKER", test.variable)
		args := []string{"call", "a.b"}
		if test.flag != "" {
			args = append(args, "--broker", test.flag)
		}
		check(t, "", args, test.status, "", test.want)
	}
	// GOMEKO_BROKER is wrong: commands that use no broker do not read it.
	for _, test := range [][2]string{{"http://u:hunter2@none.invalid:1", ""}, {"", "http://u:hunter2@none.invalid:1"}} {
		t.Setenv("GOMEKO_MANAGEMENT", test[0])
		args := []string{"broker", "status"}
		if test[1] != "" {
			args = append(args, "--management", test[1])
		}
		check(t, "", args, 1, "", "http://u:**@none.invalid:1/")
	}
}

// Passwords on the command line are hidden from other users, but the command still works with them.
func TestPasswordsAreHidden(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a process change its command line")
	}
	for _, command := range []string{
		"call a.b url=http://u:keep@h --broker amqp://ana:hunter2@HOST/",
		"call a.b url=http://u:keep@h --broker=amqp://ana:hunter2@HOST/;amqp://b:hunter2@HOST/",
		"broker status --management=http://ana:hunter2@HOST",
	} {
		silent, err := net.Listen("tcp", "127.0.0.1:0") // its own: a command may connect twice
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		args := strings.Fields(strings.ReplaceAll(command, "HOST", silent.Addr().String()))
		p := start(t, "", "", args...)
		conn, err := silent.Accept() // by then the command line is hidden
		if err != nil {
			t.Fatal(err)
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID()))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(line); strings.Contains(got, "hunter2") || !strings.Contains(got, "://ana:*******") {
			t.Errorf("%q: got the command line %q", args, got)
		}
		if args[0] == "broker" { // the password is sent
			request := make([]byte, 1024)
			n, _ := conn.Read(request)
			if want := "Authorization: Basic YW5hOmh1bnRlcjI="; !strings.Contains(string(request[:n]), want) {
				t.Errorf("got the request %q, want %s in it", request[:n], want)
			}
		}
		conn.Close()
		p.Kill()
	}
}
