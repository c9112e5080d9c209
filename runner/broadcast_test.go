package runner

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Kiosk has a feed.
type Kiosk struct {
	_ service.Name `service:"kiosk"`

	Entrypoints struct {
		Feed web.Feed `web:"GET /feed"`
	}
}

func (*Kiosk) Feed(context.Context) ([]string, error) { return []string{"news"}, nil }

// TestBroadcastCommand sends an event to nobody, and to the client of a feed.
func TestBroadcastCommand(t *testing.T) {
	uri := brokertest.Embedded(t)
	send := func(data, stderr string) {
		t.Helper()
		status, out, diagnostics := executeGomeko("broadcast", "news", "told", data, "--broker="+uri)
		if status != 0 || out != "" || !strings.Contains(diagnostics, stderr) || stderr == "" && diagnostics != "" {
			t.Errorf("got %d %q %q, want 0 and %q", status, out, diagnostics, stderr)
		}
	}
	send("1", "nobody listens to channel news")
	var port hosttest.Port
	hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Kiosk),
		service.Configure(web.Config{Hub: "fleet", Listen: port.Listen}), service.Configure(fleet.Hub()))
	poll := func(query string) string {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + port.Address() + "/feed?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}
	_, next, _ := strings.Cut(poll("wait=0"), `"next":"`)
	next, _, _ = strings.Cut(next, `"`)
	send(`{"rain": true}`, "")
	if got := poll("next=" + next); !strings.Contains(got, `"data":{"rain":true}`) {
		t.Errorf("got %s", got)
	}
	if status, _, _ := executeGomeko("broadcast", "news"); status != 2 {
		t.Errorf("got the status %d, want 2", status)
	}
}
