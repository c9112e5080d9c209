package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/gomeko/gomeko/service"
)

// maxStack is the number of bytes of a stack that are shown.
const maxStack = 16 << 10

// A dumped is a running call.
type dumped struct {
	Service string  `json:"service"`
	Method  string  `json:"method"`
	ID      string  `json:"call_id"`
	Root    string  `json:"root_call_id"`
	State   string  `json:"state"`   // waiting, running, lending or left: see service.RunningCall
	Elapsed float64 `json:"elapsed"` // seconds
	Stack   string  `json:"stack,omitempty"`
}

// dump answers with the running calls, oldest first.
func dump(w http.ResponseWriter, h *service.Host) {
	calls := []dumped{}
	for _, c := range h.Running(true) {
		calls = append(calls, dumped{
			Service: c.Service, Method: c.Method, ID: c.ID, Root: c.Root, State: c.State,
			Elapsed: time.Since(c.Began).Seconds(), Stack: strings.TrimSpace(c.Stack[:min(len(c.Stack), maxStack)]),
		})
	}
	writeJSON(w, struct {
		Schema   string   `json:"schema"`
		Instance string   `json:"instance"`
		Calls    []dumped `json:"calls"`
	}{"gomeko.dump/v1", h.Instance(), calls})
}
