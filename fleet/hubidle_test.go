package fleet_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Quiet has listeners that receive nothing.
type Quiet struct {
	_ service.Name `service:"quiet"`

	Entrypoints struct {
		Feed  web.Feed  `web:"GET /feed/{channel}"`
		Asked web.Route `web:"GET /asked"`
	}

	asked *atomic.Int64
}

// Feed allows every client to listen.
func (q *Quiet) Feed(_ context.Context, channel string) ([]string, error) {
	q.asked.Add(1)
	return []string{channel}, nil
}

// Asked returns the number of listeners.
func (q *Quiet) Asked(context.Context) (int64, error) { return q.asked.Load(), nil }

// TestSoakIdleListeners measures the memory of one process with many listeners, 10,000 with
// GOMEKO_SOAK, each on its own channel: first with streams, then with polls.
func TestSoakIdleListeners(t *testing.T) {
	if uri := os.Getenv(soakURI); uri != "" {
		n := startNode(t, uri, web.Config{MaxWaiting: 10_000, NoAccessLog: true, Feeds: web.Feeds{Wait: time.Hour}}, &Quiet{asked: new(atomic.Int64)})
		fmt.Fprintln(os.Stderr, "ready at "+n.url)
		select {}
	}
	listeners := 100
	if os.Getenv("GOMEKO_SOAK") != "" {
		listeners = 10_000
	}
	uri := brokertest.Embedded(t)
	for _, accept := range []string{"text/event-stream", "application/json"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSoakIdleListeners$")
		cmd.Env = append(os.Environ(), soakURI+"="+uri)
		p := hosttest.StartProcess(t, cmd)
		_, at, _ := strings.Cut(p.Line("ready at "), "ready at ")
		before := memoryOf(p)
		conns := listenIdle(t, strings.TrimPrefix(strings.TrimSpace(at), "http://"), accept, listeners)
		after := memoryOf(p)
		for _, conn := range conns {
			conn.Close()
		}
		p.Kill()
		t.Logf("%d listeners with %s: %d MB, %d MB before: %d KiB for each", listeners, accept, after, before, (after-before)*1024/listeners)
	}
}

// listenIdle opens listening connections, each to its own channel.
func listenIdle(t *testing.T, address, accept string, n int) (conns []net.Conn) {
	t.Helper()
	defer http.DefaultClient.CloseIdleConnections()
	for i := range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		fmt.Fprintf(conn, "GET /feed/user.%d HTTP/1.1\r\nHost: quiet\r\nAccept: %s\r\n\r\n", i, accept)
		if len(conns)%500 == 0 || len(conns) == n { // the number of new ones that the process accepts at once
			hosttest.Eventually(t, "all listen", func() bool { return asked(address) == len(conns) })
		}
	}
	if accept != "text/event-stream" {
		return conns
	}
	for _, conn := range conns {
		for lines := bufio.NewReader(conn); ; { // the first block says where it begins
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "id: ") {
				break
			}
		}
	}
	return conns
}

// asked returns how many listeners a process has, or -1 if unknown.
func asked(address string) int {
	response, err := http.Get("http://" + address + "/asked")
	if err != nil {
		return -1
	}
	defer response.Body.Close()
	n := -1
	_, _ = fmt.Fscan(response.Body, &n)
	return n
}
