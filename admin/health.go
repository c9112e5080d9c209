package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// defaultGrace is the default of Config.ReadyGrace.
const defaultGrace = time.Minute

// live answers that the process is alive.
func live(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "live") }

// ready answers that the process is ready, or not ready because of err.
func ready(w http.ResponseWriter, err error) {
	if err != nil {
		answer(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	answer(w, http.StatusOK, "ready")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}

// A report is the response of /health.
type report struct {
	Schema   string          `json:"schema"` // gomeko.health/v1
	Instance string          `json:"instance"`
	Services []string        `json:"services"`
	Ready    bool            `json:"ready"`
	Reason   string          `json:"reason,omitempty"` // why it is not ready
	Checks   []checked       `json:"checks"`
	Paused   []service.Pause `json:"paused"`
}

// A checked is the state of a dependency.
type checked struct {
	Name     string    `json:"name"`
	Services []string  `json:"services"`
	Failing  bool      `json:"failing"`
	Error    string    `json:"error,omitempty"` // of the last check, with secrets masked
	Since    time.Time `json:"since"`
}

// health answers with the state of the process, its dependencies and its rows.
func (p *paths) health(w http.ResponseWriter, h *service.Host) {
	r := report{Schema: "gomeko.health/v1", Instance: h.Instance(), Services: h.Names(), Ready: true, Checks: []checked{}, Paused: h.Pauses()}
	if err := h.Ready(p.grace); err != nil {
		r.Ready, r.Reason = false, err.Error()
	}
	for _, s := range h.Health() {
		c := checked{Name: s.Name, Services: s.Services, Failing: s.Failing, Since: s.Since}
		if s.Err != nil {
			c.Error = secret.Mask(clip.Text(s.Err.Error(), clip.Log))
		}
		r.Checks = append(r.Checks, c)
	}
	if r.Paused == nil {
		r.Paused = []service.Pause{}
	}
	writeJSON(w, r)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client has gone
}
