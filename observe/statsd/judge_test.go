package statsd_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/servicetest"
)

// An npm is the original StatsD, for Node.js.
type npm struct {
	t                   testing.TB
	address, management string
}

// startNPM starts a StatsD that keeps its counts until the test ends.
func startNPM(t testing.TB) *npm {
	t.Helper()
	command := hosttest.StatsD(t)
	s := &npm{t, hosttest.FreeAddress(t), hosttest.FreeAddress(t)}
	_, port, _ := strings.Cut(s.address, ":")
	_, management, _ := strings.Cut(s.management, ":")
	file := filepath.Join(t.TempDir(), "config.js")
	config := fmt.Sprintf(`{address: "127.0.0.1", port: %s, mgmt_address: "127.0.0.1", mgmt_port: %s, flushInterval: 3600000, backends: ["./backends/console"]}`,
		port, management)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	hosttest.StartProcess(t, exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1], file))
	hosttest.Eventually(t, "StatsD answers", func() bool {
		conn, err := net.Dial("tcp", s.management)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return s
}

// ask returns the answer to a command of the management interface.
func (s *npm) ask(command string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.management)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(hosttest.Timeout)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		s.t.Fatal(err)
	}
	var answer strings.Builder
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "END"; {
		answer.WriteString(lines.Text() + "\n")
	}
	return answer.String()
}

// The real StatsD counts and times calls, and receives a service's own metrics, without a bad line.
func TestStatsD(t *testing.T) {
	for name, test := range map[string]struct {
		tags             bool
		counters, timers []string
		gauges           []string
	}{
		"plain": {
			counters: []string{
				"'shop.orders.create_order_count': 50", "'shop.orders.items': 100", "'shop.orders.created': 50",
				"'shop.orders.break_count': 1", "'shop.orders.break_fault': 1",
			},
			timers: []string{"'shop.orders.create_order'", "'shop.orders.break'", "'shop.orders.picked'"},
			gauges: []string{"'shop.orders.stock.left': -2.5"},
		},
		"tags": {
			tags: true,
			counters: []string{
				"'shop.gomeko.calls;service=orders;method=create_order;kind=rpc;outcome=ok': 50",
				"'shop.gomeko.calls;service=orders;method=break;kind=rpc;outcome=fault': 1",
				"'shop.items;service=orders': 100", "'shop.created;service=orders;product=tea': 50",
			},
			timers: []string{"'shop.gomeko.call;service=orders;method=create_order;kind=rpc;outcome=ok'", "'shop.picked;service=orders'"},
			gauges: []string{"'shop.stock.left;service=orders': -2.5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judge := startNPM(t)
			h := servicetest.New(t, new(Orders), statsd.Module(statsd.Config{
				Address: judge.address, Prefix: "shop.", Tags: test.tags, Flush: time.Millisecond,
			}))
			orders := h.Client("orders")
			for range 50 {
				if err := orders.Call(t.Context(), "create_order", nil, "tea", 2); err != nil {
					t.Fatal(err)
				}
			}
			if err := orders.Call(t.Context(), "break", nil); err == nil {
				t.Fatal("a call that panics succeeded")
			}
			for about, want := range map[string][]string{"counters": test.counters, "timers": test.timers, "gauges": test.gauges} {
				for _, line := range want {
					found := regexp.MustCompile(`(?m)^[ {]*` + regexp.QuoteMeta(line) + `[,: }\n]`)
					hosttest.Eventually(t, line, func() bool { return found.MatchString(judge.ask(about)) })
				}
			}
			if got := judge.ask("counters"); !strings.Contains(got, "'statsd.bad_lines_seen': 0") {
				t.Errorf("StatsD has seen bad lines:\n%s", got)
			}
		})
	}
}
