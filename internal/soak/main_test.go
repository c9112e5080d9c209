package soak_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// roles are what a process of a soak can host.
var roles = map[string]func() any{
	"pool": func() any { return new(Pool) },
	"echo": func() any { return new(Echo) },
}

func TestMain(m *testing.M) {
	if service, ok := roles[os.Getenv("GOMEKO_SOAK_ROLE")]; ok {
		os.Exit(serve(service))
	}
	goleak.VerifyTestMain(m)
}

// whole says that the soak is to last.
func whole() bool { return os.Getenv("GOMEKO_SOAK") != "" }

// chance returns what draws when things happen.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("GOMEKO_SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("GOMEKO_SOAK_SEED: %v", err)
		}
	}
	t.Logf("GOMEKO_SOAK_SEED=%d repeats this", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
