package servicetest_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUnknownService(t *testing.T) {
	err := servicetest.New(t, new(Greeting)).Client("nobody").Call(t.Context(), "hello", nil)
	if want := "UnknownService: Unknown service `nobody`"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		Missing rpc.Method `rpc:"missing"`
		Typo    rpc.Method `rpc:"typo" timeuot:"1s"`
	}
}

// Mistakes fail the test, all of them, and nothing is left running.
func TestMistakes(t *testing.T) {
	r := new(recorder)
	defer r.end()
	defer func() {
		recover() // of Fatalf
		if len(r.failures) != 1 {
			t.Fatalf("got %d failures, want 1: %q", len(r.failures), r.failures)
		}
		for _, want := range []string{"wrong: Missing: ", "wrong: Typo: ", "timeuot"} {
			if !strings.Contains(r.failures[0], want) {
				t.Errorf("got %s, want %q in it", r.failures[0], want)
			}
		}
	}()
	servicetest.New(r, new(Wrong))
}
