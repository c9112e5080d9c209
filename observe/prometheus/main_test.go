package prometheus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/observe/prometheus"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Orders has rows of several kinds.
type Orders struct {
	_ service.Name `service:"orders"`

	Entrypoints struct {
		GetOrder   rpc.Method     `rpc:"get_order(order_id)"`
		Pay        rpc.Method     `rpc:"pay(card)" sensitive:"card"`
		Hold       rpc.Method     `rpc:"hold" max_workers:"1"`
		ForgetUser events.Handler `events:"users.user_deleted"`
		Clean      timer.Interval `timer:"1h"`
		ShowOrder  web.Route      `web:"GET /orders/{id}" method:"GetOrder"`
	}

	Payments rpc.Client `rpc:"payments"`
	Stock    *Stock

	held, release chan struct{}
}

// A Stock is a dependency whose health is checked.
type Stock struct{}

func (*Stock) Health(context.Context) error { return nil }

func (*Orders) GetOrder(_ context.Context, id int) (string, error) {
	switch id {
	case 404:
		return "", &rpc.Error{Type: "NotFound", Value: "there is no order 404"}
	case 500:
		panic("broken")
	}
	return "order " + strconv.Itoa(id), nil
}

func (*Orders) Pay(_ context.Context, card string) error {
	return errors.New("card " + card + " is refused")
}

func (o *Orders) Hold(context.Context) error {
	o.held <- struct{}{}
	<-o.release
	return nil
}

func (*Orders) ForgetUser(_ context.Context, what string) error {
	err := errors.New("no such user")
	switch what {
	case "park":
		return service.Park(err)
	case "drop":
		return service.Drop(err)
	case "retry":
		return service.RetryAfter(time.Hour, err)
	}
	return nil
}

func (*Orders) Clean(context.Context) error { return nil }

// host hosts a service with metrics under /metrics of its routes.
func host(t testing.TB, options ...any) *servicetest.Host {
	t.Helper()
	return servicetest.New(t, append(options, prometheus.Module(prometheus.Config{Path: "/metrics"}))...)
}

// scrape returns the samples by their series, as in gomeko_sockets or gomeko_ready{a="b"}.
func scrape(t testing.TB, h *servicetest.Host) map[string]float64 {
	t.Helper()
	response, err := h.HTTP().Get("http://orders/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	return parse(t, string(text))
}

func parse(t testing.TB, text string) map[string]float64 {
	t.Helper()
	samples := make(map[string]float64)
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		samples[line[:end]] = value
	}
	return samples
}

// of returns the series of a metric of a row of Orders.
func of(metric, method, kind, outcome string) string {
	if outcome != "" {
		outcome = `,outcome="` + outcome + `"`
	}
	return fmt.Sprintf(`%s{kind="%s",method="%s"%s,service="orders"}`, metric, kind, method, outcome)
}
