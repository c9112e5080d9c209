package jobs_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(stallVariable); settings != "" { // this is a process started by a test
		fmt.Fprintln(os.Stderr, runStall(settings))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
