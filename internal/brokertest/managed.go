package brokertest

import (
	"testing"
)

// Managed is [Each] for tests that also use the broker's management API, at the address api.
func Managed(t *testing.T, f func(t *testing.T, uri, api string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		b, uri := embedded(t)
		addr, err := b.ListenManagement("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f(t, uri, "http://guest:guest@"+addr.String())
	})
	t.Run("rabbitmq", func(t *testing.T) {
		_, api := shared(t)
		f(t, RabbitMQ(t), api)
	})
}
