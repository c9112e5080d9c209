package interop_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// TestFixtures: Nameko's own tests find in the management API what they need of it.
func TestFixtures(t *testing.T) {
	const want = `Hello, Julio!
rpc-greeting_service True False {}
['rpc-greeting_service', 'greeting_service.*']
['', 'nameko-rpc']
Hello, Matt!
{'routed': True}
1
deleted: 404
`
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		cmd := python(t, "fixtures.py", uri, api)
		cmd.Stderr = t.Output()
		if got, err := cmd.Output(); err != nil || string(got) != want {
			t.Errorf("got %v:\n%s\nwant:\n%s", err, got, want)
		}
	})
}
