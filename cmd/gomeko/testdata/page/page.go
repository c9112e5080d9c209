// Package page is a service that tells which process answers, over RPC and over HTTP.
package page

import (
	"context"
	"os"
	"time"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Page tells which process answers.
type Page struct {
	_ service.Name `service:"page"`

	Entrypoints struct {
		Who  rpc.Method `rpc:"who"`
		Show web.Route  `web:"GET /who" method:"Who"`
	}
}

// Answer is an answer.
type Answer struct {
	PID int `json:"pid"`
	UID int `json:"uid"`
}

// Who takes a few milliseconds, so calls are in progress when a process has to stop.
func (*Page) Who(context.Context) (Answer, error) {
	<-time.After(5 * time.Millisecond)
	return Answer{os.Getpid(), os.Getuid()}, nil
}
