package admin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gomeko/gomeko/service"
)

// own returns the paths of this package.
func (p *paths) own(h *service.Host) []Handler {
	return []Handler{
		{"GET /{$}", http.HandlerFunc(p.index)},
		{"GET /live", http.HandlerFunc(live)},
		{"GET /ready", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ready(w, h.Ready(p.grace)) })},
		{"GET /debug/pprof/", http.HandlerFunc(profiles)},
	}
}

// live answers that the process answers.
func live(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "live") }

// ready answers whether the process is ready. err says why it is not.
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

// defaultGrace is the default of Config.ReadyGrace.
const defaultGrace = time.Minute
