package shell_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/shell"
)

// Listener tells what it hears.
type Listener struct {
	_ service.Name `service:"listener"`

	Entrypoints struct {
		ForgetUser events.Handler `events:"users.user_deleted"`
	}

	Heard chan string
}

func (l *Listener) ForgetUser(_ context.Context, user json.RawMessage) error {
	l.Heard <- string(user)
	return nil
}

func TestDispatchEvent(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	conn := hosttest.Dial(t, serve(t, &Listener{Heard: heard}))
	for name, test := range map[string]struct{ script, err string }{
		"heard":      {script: `n.dispatch_event("users", "user_deleted", {"id": 7})`},
		"by name":    {script: `n.dispatch_event("users", event_type="user_deleted", event_data={"id": 7})`},
		"nobody":     {script: `n.dispatch_event("users", "user_added", None)`},
		"no service": {script: `n.dispatch_event("nobody", "user_added", None)`, err: `job:1: event user_added of nobody: broker: 404 `},
		"too few":    {script: `n.dispatch_event("users")`, err: "job:1: dispatch_event: missing argument for event_type"},
		"unsendable": {script: `n.dispatch_event("users", "user_added", print)`, err: "job:1: event_data: a builtin_function_or_method cannot be sent"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			s := &shell.Shell{Conn: conn, Stdout: &out}
			err := s.Script(t.Context(), "job", strings.NewReader(test.script))
			if got := errorText(err); !strings.HasPrefix(got, test.err) || test.err == "" && err != nil {
				t.Errorf("got %q, want %q", got, test.err)
			}
			if out.Len() > 0 {
				t.Errorf("got %q printed, want nothing", out.String())
			}
			if strings.Contains(test.script, "user_deleted") {
				if got := <-heard; got != `{"id":7}` {
					t.Errorf("got the payload %s", got)
				}
			}
		})
	}
}

// Events are encoded with the codec of the broker's Config.
func TestDispatchEventCodec(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	broker := serve(t, &Listener{Heard: heard})
	broker.Codec = msgpack.Codec
	s := &shell.Shell{Conn: hosttest.Dial(t, broker), Stdout: new(strings.Builder)}
	if err := s.Script(t.Context(), "job", strings.NewReader(`n.dispatch_event("users", "user_deleted", {"id": 7})`)); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != `{"id":7}` {
		t.Errorf("got the payload %s", got)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
