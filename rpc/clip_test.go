package rpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Wordy fails with long texts.
type Wordy struct {
	_ service.Name `service:"wordy"`

	Entrypoints struct {
		Fail  rpc.Method `rpc:"fail(how)"`
		Typed rpc.Method `rpc:"typed(members)"`
	}
}

var longText = strings.Repeat("é", maxMessage/3)

func (*Wordy) Fail(_ context.Context, how string) error {
	switch how {
	case "plain":
		return errors.New(longText)
	case "typed":
		return &rpc.Error{Type: longText, Path: longText, Args: []any{longText, []string{longText}}, Value: longText}
	}
	panic(longText)
}

func (*Wordy) Typed(context.Context, map[string]int) error { return nil }

// TestLongTexts checks that texts of any length, from a caller or a method, result in an error of
// the right class and in short log lines.
func TestLongTexts(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		server := start(t, uri, new(Wordy))
		client := dial(t, uri, rpc.Config{}, nil).Client("wordy")
		for _, test := range []struct {
			method, want string
			args         []any
		}{
			{"fail", "IncorrectSignature", []any{rpc.Kwargs{longText, 1}}},
			{"fail", "IncorrectSignature", []any{map[string]int{longText: 1}}},
			{"typed", "IncorrectSignature", []any{map[string]string{longText: "x"}}},
			{"typed", "IncorrectSignature", []any{map[string]any{"x": longText}}},
			{"fail", "Exception", []any{"plain"}},
			{"fail", "RuntimeError", []any{"panic"}},
			{"fail", "éé", []any{"typed"}},
		} {
			var e *rpc.Error
			err := client.Call(t.Context(), test.method, nil, test.args...)
			if !errors.As(err, &e) || !strings.HasPrefix(e.Type, test.want) || len(e.Value) > 70_000 {
				t.Errorf("got %.100v, want %s and a text that is cut", err, test.want)
			}
		}
		server.stop(t)
		for line := range strings.Lines(server.Log.String()) {
			if len(line) > 10_000 {
				t.Errorf("got a line of %d bytes: %.200s", len(line), line)
			}
		}
	})
}
