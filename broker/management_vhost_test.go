package broker_test

import (
	"net/url"
	"strings"
	"testing"
)

// Every path of the API that names a vhost works for any name of a vhost, and for any other name in
// the path. RabbitMQ answers the same.
func TestManagementVHosts(t *testing.T) {
	eachAPI(t, func(t *testing.T, a *api) {
		for _, vhost := range []string{"/", "a/b", "ü", "%2F", "a b", "a+b"} {
			if vhost == "/" {
				a.useVHost(vhost)
				continue
			}
			path := "vhosts/" + url.PathEscape(vhost)
			if status, body := a.ask("PUT", path, ""); status != 201 {
				t.Errorf("PUT %s: got %d %v, want 201", path, status, body)
			}
			a.useVHost(vhost)
			if status, body := a.ask("DELETE", path, ""); status != 204 {
				t.Errorf("DELETE %s: got %d %v, want 204", path, status, body)
			}
		}
	})
}

// useVHost uses the paths with a vhost, in an order in which all of them succeed.
func (a *api) useVHost(vhost string) {
	a.t.Helper()
	message := `{"properties":{},"routing_key":"/","payload":"x","payload_encoding":"string"}`
	names := strings.NewReplacer("VHOST", url.PathEscape(vhost), "SLASH", "%2F")
	for _, r := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "vhosts/VHOST", "", 200},
		{"GET", "vhosts/VHOST/", "", 200},
		{"GET", "vhosts/VHOST/permissions", "", 200},
		{"GET", "vhosts/VHOST/connections", "", 200},
		{"GET", "vhosts/VHOST/channels", "", 200},
		{"PUT", "permissions/VHOST/guest", `{"configure":".*","write":".*","read":".*"}`, 0},
		{"GET", "permissions/VHOST/guest", "", 200},
		{"GET", "aliveness-test/VHOST", "", 200},
		{"PUT", "queues/VHOST/SLASH", `{"durable":true}`, 201},
		{"GET", "queues/VHOST", "", 200},
		{"GET", "queues/VHOST/SLASH", "", 200},
		{"GET", "consumers/VHOST", "", 200},
		{"PUT", "exchanges/VHOST/SLASH", `{"type":"direct"}`, 201},
		{"PUT", "exchanges/VHOST/to", `{"type":"direct"}`, 201},
		{"GET", "exchanges/VHOST", "", 200},
		{"GET", "exchanges/VHOST/SLASH", "", 200},
		{"GET", "exchanges/VHOST/amq.direct", "", 200},
		{"POST", "bindings/VHOST/e/SLASH/q/SLASH", `{"routing_key":"/"}`, 201},
		{"GET", "bindings/VHOST/e/SLASH/q/SLASH", "", 200},
		{"GET", "bindings/VHOST/e/SLASH/q/SLASH/%252F", "", 200},
		{"POST", "bindings/VHOST/e/SLASH/e/to", `{"routing_key":"k"}`, 201},
		{"GET", "bindings/VHOST/e/SLASH/e/to", "", 200},
		{"GET", "bindings/VHOST/e/SLASH/e/to/k", "", 200},
		{"GET", "bindings/VHOST", "", 200},
		{"GET", "queues/VHOST/SLASH/bindings", "", 200},
		{"GET", "exchanges/VHOST/SLASH/bindings/source", "", 200},
		{"GET", "exchanges/VHOST/to/bindings/destination", "", 200},
		{"POST", "exchanges/VHOST/SLASH/publish", message, 200},
		{"POST", "exchanges/VHOST/amq.default/publish", message, 200},
		{"POST", "queues/VHOST/SLASH/get", `{"count":9,"ackmode":"ack_requeue_false","encoding":"auto"}`, 200},
		{"DELETE", "queues/VHOST/SLASH/contents", "", 204},
		{"DELETE", "bindings/VHOST/e/SLASH/q/SLASH/%252F", "", 204},
		{"DELETE", "bindings/VHOST/e/SLASH/e/to/k", "", 204},
		{"DELETE", "exchanges/VHOST/SLASH", "", 204},
		{"DELETE", "exchanges/VHOST/to", "", 204},
		{"DELETE", "queues/VHOST/SLASH", "", 204},
	} {
		status, body := a.ask(r.method, names.Replace(r.path), r.body)
		if status != r.want && r.want != 0 || status >= 300 {
			a.t.Errorf("%s %s: got %d %v, want %d", r.method, names.Replace(r.path), status, body, r.want)
		}
		if list, isList := body.([]any); isList && strings.HasSuffix(r.path, "/get") && len(list) != 2 {
			a.t.Errorf("%s: got %v, want 2 messages", r.path, list)
		}
	}
}
