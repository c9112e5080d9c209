//go:build unix

package main_test

import (
	"encoding/json"
	"testing"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/golden"
)

// A package is described without a broker, and without starting its services.
func TestDescribePackage(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/")
	p := start(t, "../..", "", "describe", "./examples/orders")
	if status := p.Wait(); status != 0 {
		t.Fatalf("got status %d\n%s", status, p.Stderr())
	}
	golden.File(t, "testdata/orders.txt", []byte(p.Stdout()))
	p = start(t, "../..", "", "describe", "./examples/orders", "--json")
	p.Wait()
	var d contract.Document
	if err := json.Unmarshal([]byte(p.Stdout()), &d); err != nil || d.Service != "orders" {
		t.Errorf("got %v\n%s", err, p.Stdout())
	}
	check(t, "", []string{"describe", "../../examples/ownmain"}, 1, "", "its main function does not call runner.Main")
	check(t, "", []string{"describe", "./nowhere"}, 2, "", "./nowhere does not exist")
	check(t, "", []string{"describe"}, 2, "", "describe: what?")
}
