package brokertest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/hosttest"
)

// RabbitMQ returns the URI of a new virtual host on the RabbitMQ that GOMEKO_RABBITMQ and
// GOMEKO_RABBITMQ_API name. When the test ends, it deletes the virtual host and closes its
// connections. If the variables are not set, it skips the test, or fails it if CI=true.
func RabbitMQ(t testing.TB) string {
	t.Helper()
	uri, api := shared(t)
	// The test's name helps people who look at the broker; the suffix makes it unique.
	vhost := url.PathEscape(strings.ReplaceAll(t.Name(), "/", ".") + "-" + rand.Text()[:8])
	manage(t, http.MethodPut, api+"/api/vhosts/"+vhost, nil)
	t.Cleanup(func() { manage(t, http.MethodDelete, api+"/api/vhosts/"+vhost, nil) })
	return strings.TrimSuffix(uri, "/") + "/" + vhost
}

// DefaultVHost returns the URI of the virtual host "/" on that RabbitMQ, for tests that compare
// texts that contain its name. They must delete what they create.
func DefaultVHost(t testing.TB) string {
	t.Helper()
	uri, _ := shared(t)
	return uri
}

func shared(t testing.TB) (uri, api string) {
	t.Helper()
	uri, api = os.Getenv("GOMEKO_RABBITMQ"), os.Getenv("GOMEKO_RABBITMQ_API")
	if uri == "" || api == "" {
		hosttest.Missing(t, "GOMEKO_RABBITMQ and GOMEKO_RABBITMQ_API name no RabbitMQ: run `make test`, or first `eval \"$(scripts/rabbitmq start)\"`")
	}
	return uri, api
}

// manage sends a request to the management API. Unless body is nil, it is sent as JSON.
func manage(t testing.TB, method, address string, body any) {
	t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, address, content)
	if err != nil {
		t.Fatal(err)
	}
	// Idle connections are disabled, because their goroutines would look like leaks of the code
	// under test.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s", method, request.URL.Redacted(), response.Status)
	}
}
