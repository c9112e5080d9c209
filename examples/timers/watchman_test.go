package timers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/timers"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/timer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// In a synctest bubble, an hour takes no time.
func TestHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		down := func(ctx context.Context) error { // the site is down for five minutes
			if at := time.Since(start); at > 12*time.Minute+10*time.Second && at < 17*time.Minute+10*time.Second {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		var lines []string
		tell := func(_ context.Context, line string) error {
			if len(lines) == 2 {
				<-time.After(25 * time.Minute) // the third report is delivered late
			}
			lines = append(lines, line)
			return nil
		}
		watchman := &timers.Watchman{Site: timers.Site{URL: "shop", Get: down}, Book: new(timers.Book), Tell: tell}
		servicetest.New(t, watchman)
		<-time.After(time.Hour + time.Second)
		synctest.Wait()
		want := []string{
			"00:10 shop: 20 of 20", "00:20 shop: 10 of 20", "00:30 shop: 20 of 20",
			"00:40 shop: 20 of 20", "00:50 shop: 20 of 20", "01:00 shop: 20 of 20",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("got %q, want %q", lines, want)
		}
	})
}

// A test can run a method without its timer, and replace a part of the application.
func TestSite(t *testing.T) {
	status := http.StatusOK
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer shop.Close()
	defer http.DefaultClient.CloseIdleConnections()
	told := ""
	tell := timers.Tell(func(_ context.Context, line string) error { told = line; return nil })
	h := servicetest.New(t, timers.Module, fx.Replace(timers.Settings{Site: shop.URL}, tell), service.Config{Only: []string{}})
	if _, err := h.Run(t.Context(), "watchman.Look"); err != nil {
		t.Error(err)
	}
	status = http.StatusBadGateway
	_, err := h.Run(t.Context(), "watchman.Look")
	if want := shop.URL + " answered 502 Bad Gateway"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	noon := time.Date(2100, 1, 1, 12, 0, 0, 0, time.Local)
	if _, err := h.Run(t.Context(), "watchman.Report", timer.Tick{Nominal: noon}); err != nil || told != "12:00 "+shop.URL+": 1 of 2" {
		t.Errorf("got %q, %v, want 1 of 2 checks answered", told, err)
	}
}
