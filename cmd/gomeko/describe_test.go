//go:build unix

package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/contract"
)

// A package is described without a broker, and without starting its services.
func TestDescribePackage(t *testing.T) {
	t.Setenv("AMQP_URI", "amqp://127.0.0.1:1/")
	p := start(t, "../..", "", "describe", "./examples/helloworld")
	if status := p.Wait(); status != 0 || !strings.HasPrefix(p.Stdout(), "greeting_service\n\nrpc hello(name)\n    name        string  required\n") {
		t.Errorf("got status %d\n%s%s", status, p.Stdout(), p.Stderr())
	}
	p = start(t, "../..", "", "describe", "./examples/helloworld", "--json")
	p.Wait()
	var d contract.Document
	if err := json.Unmarshal([]byte(p.Stdout()), &d); err != nil || d.Service != "greeting_service" {
		t.Errorf("got %v\n%s", err, p.Stdout())
	}
	check(t, "", []string{"describe", "../../examples/ownmain"}, 1, "", "its main function does not call runner.Main")
	check(t, "", []string{"describe", "./nowhere"}, 2, "", "./nowhere does not exist")
	check(t, "", []string{"describe"}, 2, "", "describe: what?")
}
