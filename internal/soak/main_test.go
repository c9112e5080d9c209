package soak_test

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// roles maps roles to the services that a process can host.
var roles = map[string]func() any{
	"pool":   func() any { return new(Pool) },
	"echo":   func() any { return new(Echo) },
	"victim": newVictim,
	"clock":  func() any { return new(Clock) },
	"mine":   func() any { return new(Mine) },
	"debtor": newDebtor,
	"labor":  newLabor,
	"mirror": newMirror,
	"shop":   newShop,
	"pulse":  newPulse,

	"numbers": func() any { return new(Numbers) },

	"unemployed": func() any { return new(Unemployed) },
}

// programs maps roles to programs that host no services. They return an exit status.
var programs = map[string]func() int{
	"customer": customer,
	"reader":   readStreams,
	"broker":   serveBroker,
}

func TestMain(m *testing.M) {
	if service, ok := roles[os.Getenv("GOMEKO_SOAK_ROLE")]; ok {
		os.Exit(serve(service))
	}
	if program, ok := programs[os.Getenv("GOMEKO_SOAK_ROLE")]; ok {
		os.Exit(program())
	}
	goleak.VerifyTestMain(m)
}

// whole reports whether the long version of the tests must run.
func whole() bool { return os.Getenv("GOMEKO_SOAK") != "" }

// chance returns the source of random failures.
func chance(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("GOMEKO_SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("GOMEKO_SOAK_SEED: %v", err)
		}
	}
	t.Logf("GOMEKO_SOAK_SEED=%d repeats this test", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
