package servicetest_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
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
		if p := recover(); p != any(r) {
			t.Fatalf("got panic %v, want that of Fatalf", p)
		}
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

// A call that does not end fails the test, which ends all the same.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(recorder)
		h := servicetest.New(r, new(Greeting))
		hung := make(chan error)
		go func() { hung <- h.Client("greeting_service").Call(t.Context(), "hang", nil) }()
		synctest.Wait()
		ended := make(chan struct{})
		go func() { defer close(ended); r.end() }()
		if err := <-hung; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v from the call, want %v", err, transport.ErrClosed)
		}
		<-ended
		if len(r.failures) != 1 || !strings.Contains(r.failures[0], "1 call cut off") {
			t.Errorf("got failures %q, want that a call was cut off", r.failures)
		}
	})
}
