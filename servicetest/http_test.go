package servicetest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Door is a service with routes.
type Door struct {
	_ service.Name `service:"door"`

	Entrypoints struct {
		Knock web.Route `web:"GET /knock/{times}"`
		Wait  web.Route `web:"POST /wait" timeout:"1m"`
	}
}

func (*Door) Knock(_ context.Context, times int) (int, error) { return times, nil }

func (*Door) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	h := servicetest.New(t, new(Door))
	answer, err := h.HTTP().Get("http://door/knock/3")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); string(text) != "3" || err != nil {
		t.Errorf("got %q, %v, want 3", text, err)
	}
}

// Without a route there is no server: the client returns an error instead of waiting for one.
func TestHTTPWithoutRoutes(t *testing.T) {
	h := servicetest.New(t, new(Greeting))
	answer, err := h.HTTP().Get("http://greeting/")
	if err == nil {
		answer.Body.Close()
	}
	if want := "no service has a web.Route"; !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// In a bubble of synctest, a timeout takes no time.
func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := servicetest.New(t, new(Door), service.Configure(web.Config{NoAccessLog: true}))
		began := time.Now()
		answer, err := h.HTTP().Post("http://door/wait", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || time.Since(began) != time.Minute {
			t.Errorf("got %s after %s, want 503 after a minute", answer.Status, time.Since(began))
		}

		if got, err := h.Run(t.Context(), "door.Knock", 4); got != 4 || err != nil {
			t.Errorf("got %v, %v, want 4", got, err)
		}
	})
}
