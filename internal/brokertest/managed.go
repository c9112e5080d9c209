package brokertest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Managed is like [Each], for tests that also use the broker's management API. api is its address.
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

// Queues returns the names of the queues in the virtual host of uri, in alphabetical order. api is
// the address of the broker's management API.
func Queues(t testing.TB, uri, api string) []string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	vhost := cmp.Or(strings.TrimPrefix(u.EscapedPath(), "/"), "%2F")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Get(api + "/api/queues/" + vhost)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var queues []struct{ Name string }
	if err := json.NewDecoder(response.Body).Decode(&queues); err != nil {
		t.Fatalf("%s: %s: %v", response.Request.URL.Redacted(), response.Status, err)
	}
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Name
	}
	slices.Sort(names)
	return names
}
