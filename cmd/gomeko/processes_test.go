//go:build linux

package main_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// children returns the ids of the processes of a parent.
func children(t *testing.T, p *hosttest.Process) (ids []int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			id, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// A load calls the service page by RPC and over HTTP until it is ended.
type load struct {
	calls, requests atomic.Int64
	failed          chan error
	end             func()
}

func startLoad(t *testing.T, uri, url string) *load {
	t.Helper()
	l := &load{failed: make(chan error, 1)}
	stop, workers := make(chan struct{}), sync.WaitGroup{}
	client := dial(t, uri).Client("page")
	repeat := func(count *atomic.Int64, call func() error) {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := call(); err != nil {
					select {
					case l.failed <- err:
					default:
					}
				}
				count.Add(1)
			}
		})
	}
	for range 4 {
		repeat(&l.calls, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			return client.Call(ctx, "who", nil)
		})
	}
	for range 2 {
		repeat(&l.requests, func() error {
			if url == "" {
				return nil
			}
			response, err := http.Get(url + "/who") // Go repeats the request if an idle connection was closed
			if err != nil {
				return err
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return errors.New(response.Status)
			}
			return nil
		})
	}
	l.end = sync.OnceFunc(func() { close(stop); workers.Wait() })
	t.Cleanup(l.end)
	return l
}

// check ends the load and checks that no call has failed.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.end()
	select {
	case err := <-l.failed:
		t.Errorf("a call failed: %v", err)
	default:
	}
	t.Logf("%d calls and %d requests", l.calls.Load(), l.requests.Load())
}

// Under load, processes are killed and replaced, and no call fails. All processes share a port, and
// SIGTERM stops them all.
func TestSoakProcesses(t *testing.T) {
	t.Parallel()
	kills, rolls := 4, 2
	if os.Getenv("GOMEKO_SOAK") != "" {
		kills, rolls = 60, 15
	}
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/page", "--broker", uri, "--http", "127.0.0.1:0", "--procs", "4", "--respawn", "10/1s", "--log-format", "json")
	url := listeningOn(p)
	for n := range 4 {
		p.Match(fmt.Sprintf(`"msg":"ready".*"process":%d`, n+1))
	}
	old := children(t, p)
	if len(old) != 4 {
		t.Fatalf("got the processes %v, want 4", old)
	}

	// Calls go to all processes. An HTTP connection to a killed process is lost.
	calls := startLoad(t, uri, "")
	for n := range kills {
		victim := children(t, p)[rand.IntN(4)]
		if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		hosttest.Eventually(t, "the process is started again", func() bool {
			return strings.Count(p.Stderr(), `"msg":"process ended"`) == n+1 && strings.Count(p.Stderr(), `"msg":"ready"`) == n+5
		})
	}
	calls.check(t)

	both := startLoad(t, uri, url)
	for n := range rolls {
		before := children(t, p)
		p.Signal(syscall.SIGHUP)
		hosttest.Eventually(t, "all processes are replaced", func() bool {
			return strings.Count(p.Stderr(), `"msg":"processes replaced"`) == n+1
		})
		for _, id := range children(t, p) {
			for _, other := range before {
				if id == other {
					t.Errorf("process %d was not replaced", id)
				}
			}
		}
	}
	both.check(t)

	left := children(t, p)
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	for _, id := range left {
		if syscall.Kill(id, 0) == nil {
			t.Errorf("process %d still runs", id)
		}
	}
	if got := strings.Count(p.Stderr(), `"msg":"drained"`); got != 4*(rolls+1) {
		t.Errorf("got %d processes stopped in order, want %d", got, 4*(rolls+1))
	}
}

func listeningOn(p *hosttest.Process) string { return p.Match(`http://127\.0\.0\.1:\d+`) }

// A program whose processes die repeatedly is stopped, with the last error.
func TestProcessesCrashLoop(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/torch", "--broker", uri, "--procs", "2", "--respawn", "5/1m")
	for n := range 6 {
		hosttest.Eventually(t, "both processes are ready", func() bool { return strings.Count(p.Stderr(), "msg=ready") == n+2 })
		all := children(t, p)
		if err := syscall.Kill(all[n%len(all)], syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	if status := p.Wait(); status != 1 {
		t.Errorf("got exit status %d, want 1", status)
	}
	lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "processes died more than 5 times within 1m0s: process ") || !strings.Contains(last, "exit status 1: service torch: ") {
		t.Errorf("got the last line %q", last)
	}
	if got := strings.Count(p.Stderr(), ": starting it again"); got != 5 {
		t.Errorf("got %d restarts, want 5", got)
	}
}

// A program that cannot start is not restarted. Each mistake is printed once.
func TestProcessesMistakes(t *testing.T) {
	t.Parallel()
	p := start(t, "", "", "run", "./testdata/wrong", "--broker", "amqp://guest:guest@"+hosttest.FreeAddress(t)+"/", "--procs", "3")
	if status := p.Wait(); status != 1 || strings.Count(p.Stderr(), "orders: Missing: no such method") != 1 {
		t.Errorf("got exit status %d, want 1, and\n%s", status, p.Stderr())
	}
	for args, want := range map[string]string{
		"--procs 0":                "--procs 0: must be at least 1",
		"--respawn 10":             "must be DEATHS/DURATION, as in 10/5s, or none",
		"--user nobody-of-gomeko":  `--user: there is no user "nobody-of-gomeko"`,
		"--user root:no-such-gang": `--user: there is no group "no-such-gang"`,
	} {
		check(t, "", append([]string{"run", "./testdata/slow", "--broker", "amqp://127.0.0.1:1/"}, strings.Fields(args)...), 2, "", want)
	}
}

// SIGTERM while processes start stops them all, including those that do not handle signals yet.
func TestProcessesStopEarly(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/work", "--broker", uri, "--procs", "4")
	hosttest.Eventually(t, "all processes were started", func() bool { return len(children(t, p)) == 4 })
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}

// Processes stop in order when their parent is killed.
func TestProcessesLoseParent(t *testing.T) {
	t.Parallel()
	_, uri := startBroker(t, "127.0.0.1:0")
	p := start(t, "", "", "run", "./testdata/work", "--broker", uri, "--procs", "2")
	p.Match(`msg=ready .*process=2`)
	orphans := children(t, p)
	p.Signal(syscall.SIGKILL)
	hosttest.Eventually(t, "the processes end", func() bool {
		for _, id := range orphans {
			if syscall.Kill(id, 0) == nil {
				return false
			}
		}
		return len(orphans) == 2
	})
	if <-p.Ended(); strings.Count(p.Stderr(), "msg=drained") != 2 {
		t.Errorf("they did not stop in order:\n%s", p.Stderr())
	}
}

// The parent hosts the embedded broker, tells systemd when all processes are ready, and replaces a
// process that does not respond.
func TestProcessesWatchdog(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cmd := exec.Command(gomeko, "run", "./testdata/page", "--broker", "embedded", "--http", "127.0.0.1:0", "--procs", "2", "--config",
		configured(t, "AMQP_URI: amqp://guest:guest@"+hosttest.FreeAddress(t)+"/\n"))
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=2000000")
	p := hosttest.StartProcess(t, cmd)
	states := bufferStates(conn)
	hosttest.Eventually(t, "systemd is told", func() bool { return strings.Contains(states(), "READY=1") })
	if got := strings.Count(p.Stderr(), "msg=ready"); got != 2 {
		t.Errorf("systemd was told that it is ready when %d processes were", got)
	}
	frozen := children(t, p)[0]
	if err := syscall.Kill(frozen, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.Line("does not respond and is killed")
	p.Line("has ended: signal: killed: starting it again")
	hosttest.Eventually(t, "it is started again", func() bool { return strings.Count(p.Stderr(), "msg=ready") == 3 })
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
	hosttest.Eventually(t, "systemd is told of the stop", func() bool { return strings.Contains(states(), "STOPPING=1") })
	if got := states(); strings.Count(got, "READY=1") != 1 || !strings.Contains(got, "WATCHDOG=1") {
		t.Errorf("systemd was told\n%s", got)
	}
}

// bufferStates returns a function that returns what systemd has been told so far.
func bufferStates(conn *net.UnixConn) func() string {
	var mu sync.Mutex
	var text strings.Builder
	go func() {
		message := make([]byte, 4096)
		for {
			n, err := conn.Read(message)
			if err != nil {
				return
			}
			mu.Lock()
			text.Write(append(message[:n:n], '\n'))
			mu.Unlock()
		}
	}()
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

// Processes run as another user, and listen on addresses that only their parent may open.
func TestProcessesUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can run processes as another user")
	}
	dir, err := os.MkdirTemp("", "gomeko-user-") //nolint:usetesting // other users cannot enter t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the user nobody must be able to run the program
		t.Fatal(err)
	}
	program, admin := filepath.Join(dir, "page"), filepath.Join(t.TempDir(), "admin.sock")
	check(t, "", []string{"build", "./testdata/page", "-o", program}, 0, "", "building ./testdata/page")
	_, uri := startBroker(t, "127.0.0.1:0")
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte("gomeko: {admin: \"unix:"+admin+"\"}\n"), 0o644); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	p := hosttest.StartProcess(t, exec.Command(program, "--user", "nobody", "--broker", uri, "--http", "127.0.0.1:0", "--config", file))
	p.Line("msg=ready")
	var got struct{ UID int }
	if err := dial(t, uri).Client("page").Call(t.Context(), "who", &got); err != nil || got.UID != 65534 {
		t.Errorf("got %+v, %v, want the uid 65534", got, err)
	}
	info, err := os.Stat(admin)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 65534 || info.Mode().Perm() != 0o600 {
		t.Errorf("got an admin socket of %d with mode %s", owner, info.Mode())
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Wait(); status != 0 {
		t.Errorf("got exit status %d, want 0", status)
	}
}
