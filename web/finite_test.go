package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Gauge has values that JSON cannot represent.
type Gauge struct {
	_ service.Name `service:"gauge"`

	Entrypoints struct {
		Read   web.Route        `web:"GET /read"`
		Broken web.Route        `web:"GET /broken"`
		Show   web.SocketMethod `web:"show" method:"Read"`
		Watch  web.SocketMethod `web:"watch"`
		Tell   web.SocketMethod `web:"tell(self_id)"`
	}

	Hub web.Hub
}

// limits contains NaN in each way in which a result can.
type limits struct {
	Max    float64         `json:"max"`
	Min    *float32        `json:"min"`
	Number json.Number     `json:"number"`
	Raw    json.RawMessage `json:"raw"`
	Own    celsius         `json:"own"`
	Any    any             `json:"any"`
	Text   string          `json:"text"`
}

// celsius marshals itself.
type celsius float64

func (c celsius) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `{"°C": %v}`, float64(c)), nil
}

func newLimits() limits {
	low := float32(math.Inf(-1))
	return limits{math.Inf(1), &low, "NaN", json.RawMessage(`[NaN, 1.50, "NaN"]`), celsius(math.NaN()), map[string]any{"a": math.NaN()}, "Infinity"}
}

// finite is what JSON.stringify returns for newLimits.
const finite = `{"max":null,"min":null,"number":null,"raw":[null,1.50,"NaN"],"own":{"°C":null},"any":{"a":null},"text":"Infinity"}`

func (*Gauge) Read(context.Context) (limits, error) { return newLimits(), nil }

func (*Gauge) Broken(context.Context) error {
	return &web.Error{Status: http.StatusConflict, Message: fmt.Sprint(math.NaN())}
}

func (g *Gauge) Watch(_ context.Context, s *web.Socket) error { return g.Hub.Subscribe(s.ID, "all") }

func (g *Gauge) Tell(ctx context.Context, id string) error {
	_, err := g.Hub.Unicast(ctx, id, "limits", newLimits())
	return errors.Join(err, g.Hub.Broadcast(ctx, "all", "limits", newLimits()))
}

// Browsers receive null for NaN and the infinities, because JSON.parse accepts neither.
func TestNotFinite(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Gauge))
	if _, _, got := request(t, p, "GET", "/read", "", ""); got != finite {
		t.Errorf("route: got  %s\nwant %s", got, finite)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/broken", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	if _, _, got := do(t, p, r); !json.Valid([]byte(got)) {
		t.Errorf("error: got %s, which is not JSON", got)
	}

	spaced := strings.NewReplacer(`,"`, `, "`, `":`, `": `, `null,`, `null, `, `1.50,`, `1.50, `, ",  ", ", ").Replace(finite)
	conn := p.dial(t, nil)
	id := anyID.FindString(string(readFrame(t, conn)))
	for request, want := range map[string]string{
		`{"method": "show", "correlation_id": [NaN, -Infinity]}`: `{"type": "result", "success": true, "data": ` + spaced + `, "correlation_id": [null, null]}`,
		`{"method": "none", "correlation_id": Infinity}`: `{"type": "result", "success": false, "error": {"exc_type": "MethodNotFound", ` +
			`"exc_path": "nameko.exceptions.MethodNotFound", "exc_args": [], "value": ""}, "correlation_id": null}`,
		`{"method": "watch"}`: `{"type": "result", "success": true, "data": null, "correlation_id": null}`,
	} {
		if got := ask(t, conn, request); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", request, got, want)
		}
	}
	event := `{"type": "event", "event": "limits", "data": ` + spaced + `}`
	write(t, conn, websocket.TextMessage, fmt.Sprintf(`{"method": "tell", "data": {"self_id": %q}}`, id))
	for _, kind := range []string{"unicast", "broadcast"} {
		if got := string(readFrame(t, conn)); got != event {
			t.Errorf("%s:\ngot  %s\nwant %s", kind, got, event)
		}
	}
}
