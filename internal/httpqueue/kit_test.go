package httpqueue_test

import (
	"io"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Shop has an application behind a queue.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Site web.Backend `web:"shop"`
	}

	Handler http.Handler
}

// Site passes the request to the application.
func (s *Shop) Site(w http.ResponseWriter, r *http.Request) { s.Handler.ServeHTTP(w, r) }

// Gate forwards all requests to the shop.
type Gate struct {
	_ service.Name `service:"gate"`

	Shop web.Front `web:"/" to:"shop"`
}

// start starts services on the broker at uri, and stops them when the test ends.
func start(t *testing.T, uri string, services ...any) *hosttest.Host {
	t.Helper()
	services = append(services, service.Configure(fleet.HTTP()))
	return hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, services...)
}

// serve starts a process with an application behind a queue.
func serve(t *testing.T, uri string, h http.Handler, more ...any) *hosttest.Host {
	t.Helper()
	return start(t, uri, append(more, &Shop{Handler: h})...)
}

// front starts a front and returns its URL.
func front(t *testing.T, uri string, cfg web.Config, more ...any) string {
	t.Helper()
	var port hosttest.Port
	cfg.Listen = port.Listen
	start(t, uri, append(more, new(Gate), service.Configure(cfg))...)
	return "http://" + port.Address()
}

// client returns a client whose connections are closed when the test ends.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport: transport, Timeout: hosttest.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// read returns the body of a response.
func read(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}
