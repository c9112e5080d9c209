//go:build unix

package doctor_test

import (
	"regexp"
	"testing"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// uuids matches the parts of names that differ from one start to the next.
var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// Everything that a running service declares and consumes is in its plans beforehand.
func TestPlans(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: brokertest.Embedded(t)}},
		new(Orders), service.Configure(fleet.Timers()), service.Configure(fleet.Control(fleet.ControlConfig{})))
	planned := map[string]bool{}
	for _, p := range connection.Plans(h.Host()) {
		for _, q := range p.Topology.Queues {
			planned[uuids.ReplaceAllString(q.Name, "UUID")] = true
		}
	}
	names := connection.Queues(h.Host())
	if len(names) < 6 {
		t.Errorf("got the queues %q, want more", names)
	}
	for _, name := range names {
		if !planned[uuids.ReplaceAllString(name, "UUID")] {
			t.Errorf("the queue %s was not planned", name)
		}
	}
}
