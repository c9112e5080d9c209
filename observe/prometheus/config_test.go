package prometheus_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/config"
	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Shop already has a route with the path of the metrics.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Show web.Route `web:"GET /metrics" method:"ShowMetrics"`
	}
}

func (*Shop) ShowMetrics(context.Context) (string, error) { return "", nil }

func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, want string }{
		"path":        {"prometheus: {path: metrics}", `line 1: prometheus: path: must begin with a slash, as in "/metrics"`},
		"buckets":     {"prometheus: {buckets: [1, 1]}", "line 1: prometheus: buckets: must be positive numbers of seconds, each larger than the one before"},
		"zero":        {"prometheus: {buckets: [0, 1]}", "line 1: prometheus: buckets: must be positive numbers of seconds"},
		"unknown key": {"prometheus: {bucket: [1]}", "line 1: prometheus.bucket: unknown key: did you mean buckets?"},
		"conflict":    {"prometheus: {path: /metrics}", `the pattern "GET /metrics" conflicts with "GET /metrics" of the row Show of shop`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := config.Parse([]byte(test.file), os.LookupEnv)
			if err != nil {
				t.Fatal(err)
			}
			_, err = service.New(service.Config{}, cfg.Module(), prometheus.Module(prometheus.Config{}), new(Shop))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// The buckets are those of the configuration.
func TestBuckets(t *testing.T) {
	h := host(t, new(Orders))
	if got, ok := scrape(t, h)[`gomeko_send_seconds_bucket{kind="rpc",le="30"}`]; !ok {
		t.Errorf("got %v, no bucket of 30 s", got)
	}
	h = servicetest.New(t, new(Orders), prometheus.Module(prometheus.Config{Path: "/metrics", Buckets: []float64{.5, 7}}))
	samples := scrape(t, h)
	for le, want := range map[string]bool{"0.5": true, "7": true, "30": false} {
		if _, got := samples[`gomeko_send_seconds_bucket{kind="rpc",le="`+le+`"}`]; got != want {
			t.Errorf("bucket %s: got %t, want %t", le, got, want)
		}
	}
}
