package prometheus_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
)

// All series of all rows exist with the value 0 before the first call.
func TestSeriesFromTheStart(t *testing.T) {
	samples := scrape(t, host(t, new(Orders)))
	for _, row := range [][2]string{
		{"get_order", "rpc"}, {"pay", "rpc"}, {"hold", "rpc"}, {"forget_user", "events"}, {"Clean", "timer"}, {"get_order", "web"},
	} {
		want := []string{of("gomeko_call_seconds_count", row[0], row[1], "ok")}
		for _, outcome := range []string{"ok", "expected", "fault", "timeout", "cancelled", "rejected", "stopped"} {
			want = append(want, of("gomeko_calls_total", row[0], row[1], outcome))
		}
		for _, metric := range []string{
			"gomeko_calls_in_flight", "gomeko_calls_waiting", "gomeko_call_wait_seconds_count", "gomeko_calls_stuck_total",
			"gomeko_retries_total", "gomeko_dead_letters_total", "gomeko_dropped_total",
		} {
			want = append(want, of(metric, row[0], row[1], ""))
		}
		for _, series := range want {
			if v, ok := samples[series]; !ok || v != 0 {
				t.Errorf("got %v, %t for %s, want 0", v, ok, series)
			}
		}
	}
	for series, want := range map[string]float64{
		of("gomeko_workers", "get_order", "rpc", ""):                       100,
		of("gomeko_workers", "hold", "rpc", ""):                            1,
		`gomeko_timer_ticks_missed_total{method="Clean",service="orders"}`: 0,
		`gomeko_sent_total{kind="rpc",outcome="error"}`:                    0,
		of("gomeko_row_paused", "forget_user", "events", ""):               0,
		"gomeko_ready":    1,
		"gomeko_stopping": 0,
	} {
		if got, ok := samples[series]; !ok || got != want {
			t.Errorf("got %v, %t for %s, want %v", got, ok, series, want)
		}
	}
	for _, runtime := range []string{"go_goroutines", "process_resident_memory_bytes", "go_memstats_heap_alloc_bytes"} {
		if samples[runtime] == 0 {
			t.Errorf("no %s", runtime)
		}
	}
}

// Calls are counted by outcome, and timed.
func TestCalls(t *testing.T) {
	h := host(t, new(Orders))
	orders := h.Client("orders")
	for _, args := range [][]any{{1}, {2}, {404}, {500}, {"x"}} {
		_ = orders.Call(t.Context(), "get_order", nil, args...) // the outcomes are tested below
	}
	if response, err := h.HTTP().Get("http://orders/orders/7"); err != nil {
		t.Fatal(err)
	} else {
		response.Body.Close()
	}
	samples := scrape(t, h)
	for outcome, want := range map[string]float64{"ok": 2, "expected": 1, "fault": 1, "rejected": 1, "timeout": 0} {
		for _, metric := range []string{"gomeko_calls_total", "gomeko_call_seconds_count"} {
			if got := samples[of(metric, "get_order", "rpc", outcome)]; got != want {
				t.Errorf("%s: got %v %s, want %v", metric, got, outcome, want)
			}
		}
	}
	if got := samples[of("gomeko_calls_total", "get_order", "web", "ok")]; got != 1 {
		t.Errorf("got %v calls of the route, want 1", got)
	}
	if got := samples[of("gomeko_call_wait_seconds_count", "get_order", "rpc", "")]; got != 5 {
		t.Errorf("got %v waits, want 5", got)
	}
}

// Running calls and calls that wait for a worker are counted separately.
func TestInFlight(t *testing.T) {
	orders := &Orders{held: make(chan struct{}), release: make(chan struct{})}
	h := host(t, orders)
	ended := make(chan error, 3)
	for range 3 {
		go func() { ended <- h.Client("orders").Call(t.Context(), "hold", nil) }()
	}
	hosttest.Receive(t, "a call", orders.held)
	inFlight, waiting := of("gomeko_calls_in_flight", "hold", "rpc", ""), of("gomeko_calls_waiting", "hold", "rpc", "")
	samples := hosttest.Poll(func() (map[string]float64, bool) {
		s := scrape(t, h)
		return s, s[waiting] == 2
	})
	if samples[inFlight] != 1 || samples[waiting] != 2 {
		t.Errorf("got %v in flight and %v waiting, want 1 and 2", samples[inFlight], samples[waiting])
	}
	close(orders.release)
	for i := range 3 {
		if i > 0 {
			hosttest.Receive(t, "a call", orders.held)
		}
	}
	for range 3 {
		if err := hosttest.Receive(t, "a reply", ended); err != nil {
			t.Error(err)
		}
	}
	samples = scrape(t, h)
	if samples[inFlight] != 0 || samples[waiting] != 0 {
		t.Errorf("got %v in flight and %v waiting in the end, want none", samples[inFlight], samples[waiting])
	}
}

// The content of a call never creates a series or appears in one: neither method, arguments nor
// error.
func TestBounded(t *testing.T) {
	h := host(t, new(Orders))
	orders := h.Client("orders")
	attempts := func(secret string) {
		_ = orders.Call(t.Context(), "get_order", nil, secret)         // rejected
		_ = orders.Call(t.Context(), "pay", nil, secret)               // its error contains the argument, which is sensitive
		_ = orders.Call(t.Context(), "pay", nil, secret, secret)       // rejected
		_ = orders.Call(t.Context(), secret, nil)                      // no such method
		_ = h.Client(secret).Call(t.Context(), secret, nil)            // no such service
		_ = h.Dispatcher("users")(t.Context(), "user_deleted", secret) // an event
		if response, err := h.HTTP().Get("http://orders/orders/" + secret); err == nil {
			response.Body.Close()
		}
	}
	attempts("secret-0")
	before := slices.Sorted(maps.Keys(scrape(t, h)))
	for _, secret := range []string{"secret-1", "secret-2", "secret-3"} {
		attempts(secret)
	}
	after := slices.Sorted(maps.Keys(scrape(t, h)))
	if !slices.Equal(before, after) {
		t.Errorf("got %d series, %d before", len(after), len(before))
	}
	for _, series := range after {
		if strings.Contains(series, "secret") {
			t.Errorf("%s", series)
		}
	}
}

// Failed messages are counted by what happens to them.
func TestFailedMessages(t *testing.T) {
	h := host(t, new(Orders))
	for _, what := range []string{"park", "drop", "drop", "retry"} {
		if err := h.Dispatcher("users")(t.Context(), "user_deleted", what); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{"gomeko_dead_letters_total": 1, "gomeko_dropped_total": 2, "gomeko_retries_total": 1}
	got := hosttest.Poll(func() (map[string]float64, bool) {
		samples, now := scrape(t, h), make(map[string]float64)
		for metric := range want {
			now[metric] = samples[of(metric, "forget_user", "events", "")]
		}
		return now, maps.Equal(now, want)
	})
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A pauser has paused rows.
type pauser []service.Pause

func (p pauser) Pauses() []service.Pause { return p }

// A paused row has the same labels as its calls. Rows that cannot be paused have no series.
func TestPausedRows(t *testing.T) {
	samples := scrape(t, host(t, new(Orders), service.Configure(service.Extension(func(h *service.Host) error {
		_, err := service.Shared(h, func(*service.Host) (pauser, error) {
			return pauser{{Service: "orders", Row: "ForgetUser", Reasons: []string{"stock is failing"}}}, nil
		})
		return err
	}))))
	got := make(map[string]float64)
	for series, value := range samples {
		if strings.HasPrefix(series, "gomeko_row_paused") {
			got[series] = value
		}
	}
	if want := map[string]float64{of("gomeko_row_paused", "forget_user", "events", ""): 1}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
