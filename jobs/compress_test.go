package jobs_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// TestCompressOver enqueues a large job in a process that compresses large bodies, and runs it.
func TestCompressOver(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		tap := new(brokertest.Tap)
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri, CompressOver: 1000, Dial: tap.Dial}},
			new(Sums), new(Asker), service.Configure(jobs.Config{Store: openSQLite(t)}))
		var numbers []any
		for i := range 1000 {
			numbers = append(numbers, i)
		}
		var sum int
		caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
		if err := caller.Client("asker").Call(t.Context(), "ask", &sum, numbers...); err != nil || sum != 499_500 {
			t.Errorf("got %d, %v, want 499500", sum, err)
		}
		found := false
		for _, m := range tap.Published(t) {
			headers, _ := m.Properties["headers"].(map[string]any)
			found = found || m.Key == "sums.add" && headers["compression"] == "application/x-gzip" && len(m.Body) < 4000
		}
		if !found {
			t.Error("the job was not sent compressed")
		}
	})
}
