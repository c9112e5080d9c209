package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/broker"
)

// The API answers requests to names of this machine and to configured names. A page of another site
// can neither use a name that resolves to this machine nor request a change.
func TestManagementHosts(t *testing.T) {
	type request struct {
		host, site string // Host and Sec-Fetch-Site
		want       int
	}
	for _, test := range []struct {
		hosts    []string
		requests []request
	}{
		{nil, []request{
			{"localhost:15672", "", 204}, {"127.0.0.1", "", 204}, {"[::1]:1", "", 204}, {"LOCALHOST.", "", 204},
			{"evil.example:15672", "", 421}, {"evil.example:15672", "same-origin", 421}, {"127.0.0.1.evil.example", "", 421},
			{"localhost", "same-origin", 204}, {"localhost", "cross-site", 403},
		}},
		{[]string{"Broker.example:443", "::2"}, []request{
			{"broker.example", "", 204}, {"broker.example:15672", "", 204}, {"[::2]:15672", "", 204}, {"localhost", "", 204}, {"evil.example", "", 421},
		}},
		{[]string{"*"}, []request{{"evil.example", "", 204}, {"evil.example", "cross-site", 403}}},
	} {
		b := start(t, broker.Config{ManagementHosts: test.hosts})
		address, err := b.ListenManagement("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		a := &api{t: t, base: "http://guest:guest@" + address.String()}
		a.ask(http.MethodPut, "queues/%2F/q", "")
		for _, r := range test.requests {
			a.host, a.site = r.host, r.site
			status, body := a.ask(http.MethodDelete, "queues/%2F/q/contents", "")
			if status != r.want {
				t.Errorf("%v: %+v: got %d %v", test.hosts, r, status, body)
			}
			if answer, _ := body.(map[string]any); status == 421 && !strings.Contains(answer["reason"].(string), "--management-host") {
				t.Errorf("%+v: got %v, want what to do", r, body)
			}
		}
	}
}
