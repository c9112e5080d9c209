// Package hung has a service whose methods hang in their own processes.
package hung

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/timer"
)

// Hung hangs.
type Hung struct {
	_ service.Name `service:"hung"`

	Entrypoints struct {
		Loop   rpc.Method     `rpc:"loop" isolate:"process" timeout:"500ms" max_workers:"2"`
		Call   rpc.Method     `rpc:"call(text)" isolate:"process" max_workers:"2"`
		Stick  rpc.Method     `rpc:"stick" timeout:"100ms"`
		Answer rpc.Method     `rpc:"answer(text)"`
		Hear   events.Handler `events:"radio.said" isolate:"process" max_workers:"1"`
		Tick   timer.Interval `timer:"1h" eager:"true" isolate:"process" max_workers:"1"`
		Build  jobs.Job       `jobs:"build(file)" isolate:"process" retry:"50ms" max_workers:"1"`
	}

	Self rpc.Client `rpc:"hung"`
}

// Module contains the service.
var Module = fx.Module("hung", service.Provide(new(Hung)))

// Loop never returns.
func (*Hung) Loop(context.Context) error {
	for { //nolint:staticcheck // it is about the CPU
	}
}

// Stick does not return, even when its ctx ends.
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

// News is an event.
type News struct {
	Text string    `json:"text"`
	At   time.Time `json:"at"`
	Raw  []byte    `json:"raw"`
}

// Hear prints an event.
func (*Hung) Hear(_ context.Context, n News) error {
	fmt.Printf("heard %s at %s: %x\n", n.Text, n.At.Format(time.RFC3339), n.Raw)
	return nil
}

// Tick prints a tick.
func (*Hung) Tick(_ context.Context, t timer.Tick) error {
	fmt.Printf("tick of this year: %t, missed %d\n", t.Nominal.Year() == time.Now().Year(), t.Missed)
	return nil
}

// Build ends its process at the first attempt. At the next, it waits until the file exists.
func (*Hung) Build(ctx context.Context, file string) (string, error) {
	attempt := service.FromContext(ctx).Attempt
	if attempt == 1 {
		os.Exit(9)
	}
	jobs.Progress(ctx, 0.5, "half of it")
	for {
		if _, err := os.Stat(file); err == nil {
			return fmt.Sprintf("attempt %d", attempt), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Answer answers.
func (*Hung) Answer(_ context.Context, text string) (string, error) { return text + "!", nil }
