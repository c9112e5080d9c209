// Package hung has a service whose methods hang in processes of their own.
package hung

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Hung hangs.
type Hung struct {
	_ service.Name `service:"hung"`

	Entrypoints struct {
		Loop   rpc.Method `rpc:"loop" isolate:"process" timeout:"500ms" max_workers:"2"`
		Call   rpc.Method `rpc:"call(text)" isolate:"process" max_workers:"2"`
		Stick  rpc.Method `rpc:"stick" timeout:"100ms"`
		Answer rpc.Method `rpc:"answer(text)"`
	}

	Self rpc.Client `rpc:"hung"`
}

// Module is the service.
var Module = fx.Module("hung", service.Provide(new(Hung)))

// Loop never returns.
func (*Hung) Loop(context.Context) error {
	for { //nolint:staticcheck // it is about the CPU
	}
}

// Stick does not return, and its ctx does not help.
func (*Hung) Stick(context.Context) error {
	time.Sleep(time.Hour)
	return nil
}

// Call calls another method, from its own process.
func (h *Hung) Call(ctx context.Context, text string) (answer string, err error) {
	if text == "exit" {
		os.Exit(7)
	}
	if text == "" {
		return "", errors.New("no text")
	}
	err = h.Self.Call(ctx, "answer", &answer, text)
	return answer, err
}

// Answer answers.
func (*Hung) Answer(_ context.Context, text string) (string, error) { return text + "!", nil }
