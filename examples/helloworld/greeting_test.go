package helloworld_test

import (
	"testing"

	"github.com/gomeko/gomeko/examples/helloworld"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/servicetest"
)

func TestHello(t *testing.T) {
	t.Parallel()
	greeting := servicetest.New(t, new(helloworld.Greeting)).Client("greeting_service")
	for name, args := range map[string][]any{"positional": {"Julio"}, "keyword": {rpc.Kwargs{"name", "Julio"}}} {
		var got string
		if err := greeting.Call(t.Context(), "hello", &got, args...); err != nil {
			t.Error(err)
		}
		if want := "Hello, Julio!"; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
