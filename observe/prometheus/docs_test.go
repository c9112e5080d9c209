package prometheus_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// The pages and files for people who operate services.
const (
	alertsFile    = "../../docs/alerts.yml"
	alertsTest    = "../../docs/testdata/alerts_test.yml"
	dashboardFile = "../../docs/grafana.json"
	page          = "../../docs/operating.md"
)

var metricName = regexp.MustCompile(`\b(?:gomeko|rabbitmq|go|process)_[a-z0-9_]+`)

// An alert is a rule of the alerts file.
type alert struct {
	Alert       string
	Expr        string
	Annotations struct{ Summary, Runbook string }
}

// A panel is one of the dashboard.
type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr string }
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func alerts(t testing.TB) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(read(t, alertsFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func panels(t testing.TB) []panel {
	t.Helper()
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &dashboard); err != nil {
		t.Fatal(err)
	}
	return dashboard.Panels
}

// expressions returns the queries of the alerts and of the dashboard, with its variables replaced.
func expressions(t testing.TB) (all []string) {
	t.Helper()
	for _, a := range alerts(t) {
		all = append(all, a.Expr)
	}
	variables := strings.NewReplacer("$service", ".*", "$instance", ".*", "$__rate_interval", "1m")
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			all = append(all, variables.Replace(target.Expr))
		}
	}
	return all
}

// promtool accepts the alerts, they fire when they must and not otherwise, and promtool can parse
// every query of the dashboard.
func TestAlertsAndDashboard(t *testing.T) {
	t.Parallel()
	_, promtool := hosttest.Prometheus(t)
	var queries strings.Builder
	queries.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, expr := range expressions(t) {
		fmt.Fprintf(&queries, "  - {record: 'x:%d', expr: %q}\n", i, expr)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(queries.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", alertsFile}, {"test", "rules", alertsTest}, {"check", "rules", file}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Every metric that an alert or the dashboard uses is served by a process or by RabbitMQ, and every
// metric of a process is documented on the page.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	known := families(t, rabbitMQ(t))
	ours := families(t, observed(t))
	maps.Copy(known, ours)
	for _, expr := range expressions(t) {
		for _, name := range metricName.FindAllString(expr, -1) {
			if !known[name] {
				t.Errorf("nothing serves %s of %s", name, expr)
			}
		}
	}
	text := read(t, page)
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		family := regexp.MustCompile(`_(?:bucket|sum|count)$`).ReplaceAllString(name, "")
		if strings.HasPrefix(name, "gomeko_") && !strings.Contains(text, "`"+family+"`") {
			t.Errorf("%s is not on the page", name)
		}
	}
}

// families returns the names of the series in a scrape.
func families(t testing.TB, text string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for series := range parse(t, text) {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	return names
}

// observed returns the metrics that a process serves.
func observed(t testing.TB) string {
	t.Helper()
	admin, _ := run(t)
	return get(t, "http://"+admin+"/metrics")
}

// rabbitMQ returns the metrics that RabbitMQ serves about its queues. A retry with a missing
// destination is hidden there: it is counted, but neither as ready nor as unacknowledged.
func rabbitMQ(t testing.TB) string {
	t.Helper()
	node := brokertest.StartPrometheusNode(t)
	ch := brokertest.Channel(t, node.URI())
	_, err := ch.QueueDeclare("gomeko.delay.bills.1", true, false, false, false, amqp.Table{
		"x-queue-type": "quorum", "x-message-ttl": 1, "x-overflow": "reject-publish", "x-dead-letter-strategy": "at-least-once",
		"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "gomeko.retry.bills",
	})
	if err == nil {
		err = ch.PublishWithContext(t.Context(), "", "gomeko.delay.bills.1", true, false, amqp.Publishing{DeliveryMode: amqp.Persistent})
	}
	if err != nil {
		t.Fatal(err)
	}
	var text string
	hosttest.Eventually(t, "a hidden retry is counted", func() bool {
		text = get(t, node.MetricsURL()+"?family=queue_coarse_metrics&family=queue_consumer_count")
		samples := parse(t, text)
		of := func(metric string) float64 { return samples[metric+`{vhost="/",queue="gomeko.delay.bills.1"}`] }
		hidden := of("rabbitmq_detailed_queue_messages") - of("rabbitmq_detailed_queue_messages_ready") - of("rabbitmq_detailed_queue_messages_unacked")
		return hidden == 1
	})
	return text
}

// Each alert has a test, a text, and a heading on the page that says what to do.
func TestAlertsAreExplained(t *testing.T) {
	t.Parallel()
	tested, headings := read(t, alertsTest), make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(read(t, page), -1) {
		headings["docs/operating.md#"+strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, a := range alerts(t) {
		switch {
		case a.Annotations.Summary == "":
			t.Errorf("%s has no summary", a.Alert)
		case !headings[a.Annotations.Runbook]:
			t.Errorf("%s: no heading %s", a.Alert, a.Annotations.Runbook)
		case !strings.Contains(tested, `alertname="`+a.Alert+`"`):
			t.Errorf("%s has no test", a.Alert)
		}
	}
}

// The panels of the dashboard have an id, a title and a description each, and do not overlap.
func TestDashboard(t *testing.T) {
	t.Parallel()
	ids, cells := make(map[int]bool), make(map[[2]int]string)
	for _, p := range panels(t) {
		if ids[p.ID] || p.Title == "" || p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %d %q has the id of another, or no title, description or query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, taken := cells[cell]; taken || cell[0] >= 24 {
					t.Errorf("panel %q overlaps %q or the edge", p.Title, other)
				}
				cells[cell] = p.Title
			}
		}
	}
}
