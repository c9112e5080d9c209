package prometheus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/runner"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// run runs Orders as a process would, and returns its admin address and a client.
func run(t testing.TB) (admin string, client rpc.Client) {
	t.Helper()
	uri := brokertest.Embedded(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("AMQP_URI: "+uri+"\nWEB_SERVER_ADDRESS: 127.0.0.1:0\ngomeko: {admin: 127.0.0.1:0}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	log := new(hosttest.Log)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- runner.Run(ctx, runner.Config{File: file, Logger: log.Logger()}, service.Provide(&Orders{Stock: new(Stock)}), prometheus.Module(prometheus.Config{}))
	}()
	t.Cleanup(func() {
		stop()
		if err := hosttest.Receive(t, "the end of the process", ended); err != nil {
			t.Error(err)
		}
	})
	log.Wait(t, 1, "msg=ready")
	if warnings := log.Lines("metrics are not served"); len(warnings) > 0 {
		t.Error(warnings)
	}
	_, admin, _ = strings.Cut(log.Wait(t, 1, "admin address listens")[0], " address=")
	admin, _, _ = strings.Cut(strings.TrimSpace(admin), " ")
	return admin, hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("orders")
}

// get returns the response from an address.
func get(t testing.TB, address string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", address, response.Status, err, text)
	}
	return string(text)
}

// promtool accepts the metrics that are served after some calls.
func TestPromtool(t *testing.T) {
	t.Parallel()
	_, promtool := hosttest.Prometheus(t)
	admin, orders := run(t)
	for _, id := range []int{1, 404, 500} {
		_ = orders.Call(t.Context(), "get_order", nil, id) // the outcomes are not tested here
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(get(t, "http://"+admin+"/metrics"))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// The real Prometheus scrapes a process, and answers queries about its calls.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	server, _ := hosttest.Prometheus(t)
	admin, orders := run(t)
	for _, id := range []int{1, 2, 404, 500} {
		_ = orders.Call(t.Context(), "get_order", nil, id) // the outcomes are queried below
	}
	dir, at := t.TempDir(), hosttest.FreeAddress(t)
	file := filepath.Join(dir, "prometheus.yml")
	config := fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: gomeko
    static_configs:
      - targets: [%q]
`, admin)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	hosttest.StartProcess(t, exec.CommandContext(context.WithoutCancel(t.Context()), server, "--config.file", file,
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", at, "--log.level", "warn"))
	for query, want := range map[string]string{
		`gomeko_calls_total{service="orders",method="get_order",kind="rpc",outcome="ok"}`: "2",
		`gomeko_calls_total{method="get_order",kind="rpc",outcome="fault"}`:               "1",
		`sum(gomeko_calls_total{outcome="expected"})`:                                     "1",
		`gomeko_call_seconds_count{kind="rpc",method="get_order",outcome="ok"}`:           "2",
		`histogram_quantile(0.99, sum by (le) (gomeko_call_seconds_bucket)) < bool 30`:    "1",
		`gomeko_calls_total{method="Clean",outcome="fault"}`:                              "0",
		`up{job="gomeko"}`: "1",
	} {
		var got string
		hosttest.Eventually(t, query, func() bool {
			got = ask(t, at, query)
			return got != ""
		})
		if got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}

// ask returns the value that Prometheus has for a query with one result, or "" if it has none yet.
func ask(t testing.TB, at, query string) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + at + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return "" // it is still starting
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Value []any `json:"value"` // time, number
			} `json:"result"`
		} `json:"data"`
	}
	if json.NewDecoder(response.Body).Decode(&answer) != nil || len(answer.Data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}
