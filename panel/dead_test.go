package panel_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/deadletter"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/panel"
	"github.com/gomeko/gomeko/panel/account"
	"github.com/gomeko/gomeko/transport"
)

// A dead is a message to park.
type dead struct {
	original deadletter.Original
	body     string
}

// park parks messages for a queue.
func park(t *testing.T, conn *transport.Conn, queue string, all ...dead) {
	t.Helper()
	var queues deadletter.Queues
	if err := conn.Declare(t.Context(), transport.Topology{Queues: []transport.Queue{queues.Dead(queue)}}); err != nil {
		t.Fatal(err)
	}
	results := make(chan error, len(all))
	for _, m := range all {
		m.original.Queue = queue
		d := &transport.Delivery{Body: []byte(m.body), Properties: transport.Properties{ContentType: "application/json"}}
		d.Headers = transport.Table{"tenant": payloads[0], "api_token": "tok-4711"}
		if err := conn.Send(t.Context(), queues.Publishing(d, m.original), func(err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range all {
		if err := hosttest.Next(t, results); err != nil {
			t.Fatal(err)
		}
	}
}

// audit returns the entries of an action, latest first: user, object, details and result.
func (s *stage) audit(action string) (all []string) {
	s.Helper()
	entries, err := s.accounts.Entries(s.Context(), account.Filter{Action: action})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range entries {
		if e.Actor.Address != "127.0.0.1" {
			s.Errorf("%s: the address is %q", action, e.Actor.Address)
		}
		all = append(all, strings.TrimSpace(fmt.Sprint(e.Actor.Name, " ", e.Object, " ", e.Details, " ", e.Failed)))
	}
	return all
}

var ids = regexp.MustCompile(`message\?id=([0-9a-f-]+)`)

// ids returns the ids of a queue's dead letters, in order.
func (b *browser) ids(queue string) (all []string) {
	b.Helper()
	for _, m := range ids.FindAllStringSubmatch(b.get("/operations/dead/queue?queue="+urlEscape(queue)).body, -1) {
		all = append(all, m[1])
	}
	return all
}

// form returns a form as browsers send it.
func form(pairs ...string) string {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values.Encode()
}

// startDead parks messages of the queue bills, and serves a panel.
func startDead(t *testing.T, uri string) (*stage, *transport.Conn) {
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	forge(t, uri, map[string][]map[string]any{"info": {{"instance": "one", "services": []any{}, "answer": map[string]any{"queues": []string{"rpc-nothing", "bills", payloads[0]}}}}})
	s := newStage(t, panel.Config{Broker: conn}, nil, "")
	s.user("root")
	s.user("viewer", "operations/dead")
	return s, conn
}

// TestDead shows, edits, retries and drops dead letters, on both brokers.
func TestDead(t *testing.T) {
	t.Parallel()
	brokertest.Each(t, func(t *testing.T, uri string) {
		s, conn := startDead(t, uri)
		root, viewer := s.as("root"), s.as("viewer")
		root.finally("/operations/dead", "No message of the 3 queues that were looked at has failed for good.")
		root.get("/operations/dead/queue?queue=bills").want(http.StatusNotFound, "Nothing is parked")

		now := time.Now()
		park(t, conn, "bills",
			dead{deadletter.Original{Service: "billing", Row: "Pay", Error: "order 1: no table", ErrorType: "*pq.Error", Attempts: 3, Reason: "failed", First: now, Last: now, Stack: "goroutine 1"}, `{"n": 1}`},
			dead{deadletter.Original{Service: "billing", Row: "Pay", Error: "order 22: no table", ErrorType: "*pq.Error", Attempts: 3, First: now, Last: now}, `{"n": 2}`},
			dead{deadletter.Original{Service: "billing", Row: "Pay", Error: "timed out", Attempts: 3, Sensitive: true}, `{"card": "4111"}`},
			dead{deadletter.Original{Service: "billing", Row: "Pay", Error: "refused", Attempts: 3}, `{"password": "hunter2"}`},
		)
		viewer.finally("/operations/dead", "bills 4")
		ids := root.ids("bills")
		page := viewer.get("/operations/dead/queue?queue=bills")
		page.want(http.StatusOK, "*pq.Error: order #: no table 2 ").want(http.StatusOK, "4 messages")
		page.lacks("Retry")
		page.lacks("hunter2")
		viewer.get("/operations/dead/queue?queue=bills&kind="+urlEscape("*pq.Error: order #: no table")).want(http.StatusOK, "2 messages They failed with").lacks(ids[2])

		page = viewer.get("/operations/dead/message?queue=bills&id=" + ids[0]).harmless()
		page.want(http.StatusOK, "*pq.Error: order 1: no table").want(http.StatusOK, `"n": 1`).want(http.StatusOK, payloads[0]).want(http.StatusOK, "goroutine 1")
		for _, hidden := range []string{"tok-4711", "Edit and retry", "Delete"} {
			page.lacks(hidden)
		}
		viewer.get("/operations/dead/message?queue=bills&id="+ids[2]).want(http.StatusOK, "Body, 16 bytes").lacks("4111")
		root.get("/operations/dead/message?queue=bills&id="+ids[3]).want(http.StatusOK, "Edit and retry").lacks("hunter2")
		for _, id := range ids[2:] {
			p := root.get("/operations/dead/edit?queue=bills&id="+id).want(http.StatusUnprocessableEntity, "The message cannot be edited here")
			p.lacks("4111")
			p.lacks("hunter2")
			root.post("/operations/dead/retry", form("queue", "bills", "id", id, "text", "{}")).want(http.StatusUnprocessableEntity, "The message cannot be edited here")
		}
		root.get("/operations/dead/message?queue=bills&id=ffff").want(http.StatusNotFound, "The message is gone")
		root.get("/operations/dead/message?queue=bills").want(http.StatusNotFound, "There is no such page")
		testDeadChanges(t, s, uri, ids)
	})
}

// testDeadChanges changes the messages of TestDead.
func testDeadChanges(t *testing.T, s *stage, uri string, ids []string) {
	root, viewer := s.as("root"), s.as("viewer")
	const needs = "It needs the group operations/dead/change"
	for _, what := range []string{"retry", "drop", "stop"} {
		viewer.post("/operations/dead/"+what, form("queue", "bills", "all", "yes")).want(http.StatusForbidden, needs)
		if got := s.audit("dead." + what)[0]; !strings.HasPrefix(got, "viewer  map[] "+needs) {
			t.Errorf("audit: %s", got)
		}
		root.get("/operations/dead/"+what).want(http.StatusNotFound, "")
		root.post("/operations/dead/"+what, "%").want(http.StatusBadRequest, "")
	}
	viewer.get("/operations/dead/edit?queue=bills&id="+ids[0]).want(http.StatusForbidden, needs)
	root.post("/operations/dead/retry", form("queue", "bills")).want(http.StatusBadRequest, "")

	root.get("/operations/dead/edit?queue=bills&id="+ids[0]).want(http.StatusOK, `{ "n": 1 }`)
	root.post("/operations/dead/retry", form("queue", "bills", "id", ids[0], "text", "{<script>alert(1)")).harmless().
		want(http.StatusUnprocessableEntity, "The text is not JSON").want(http.StatusUnprocessableEntity, "{<script>alert(1)")
	root.post("/operations/dead/retry", form("queue", "bills", "id", ids[0], "text", "{\r\n\"n\": 17}")).leadsTo("/operations/dead/queue?queue=bills")
	root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "1 message retried.")
	ch := brokertest.Channel(t, uri)
	retried, ok, err := ch.Get(deadletter.RetryQueue("bills"), true)
	if err != nil || !ok || string(retried.Body) != `{"n":17}` {
		t.Errorf("got %q, %v, %v", retried.Body, ok, err)
	}
	if got, want := s.audit("dead.retry")[0], "root bills map[edited:true id:"+ids[0]+" retried:1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	root.post("/operations/dead/retry", form("queue", "bills", "id", ids[0])).want(http.StatusNotFound, "The message is gone")

	const kind = "*pq.Error: order #: no table"
	root.post("/operations/dead/drop", form("queue", "bills", "kind", kind)).want(http.StatusOK, "This deletes all messages that failed with “"+kind+"” of the queue bills.")
	root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "3 messages")
	root.post("/operations/dead/drop", form("queue", "bills", "kind", kind, "confirm", "yes")).leadsTo("/operations/dead/queue?queue=bills")
	root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "1 message deleted.").want(http.StatusOK, "2 messages")
	root.post("/operations/dead/retry", form("queue", "bills", "all", "yes")).leadsTo("/operations/dead/queue?queue=bills")
	root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "2 messages retried.").want(http.StatusOK, "Nothing is parked")
	if got, want := s.audit("dead.drop")[0], "root bills map[deleted:1 error:"+kind+"]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := brokertest.Depth(t, uri, deadletter.RetryQueue("bills")); n != 2 {
		t.Errorf("%d messages wait to be tried again, want 2", n)
	}
}

// TestHostileDead shows messages that try to inject scripts into the pages.
func TestHostileDead(t *testing.T) {
	t.Parallel()
	s, conn := startDead(t, brokertest.Embedded(t))
	root := s.as("root")
	var all []dead
	for _, x := range payloads {
		o := deadletter.Original{Service: x, Row: x, Error: x, ErrorType: x, Host: x, Exchange: x, Key: x, Stack: x, LeftOut: []string{x}}
		all = append(all, dead{o, x})
	}
	all = append(all, dead{deadletter.Original{Error: strings.Repeat("<b>", 20_000)}, strings.Repeat("<b>", 300_000)})
	for i := range 150 {
		all = append(all, dead{deadletter.Original{Error: "kind " + strings.Repeat("x", i)}, "{}"})
	}
	park(t, conn, payloads[0], all...)
	root.finally("/operations/dead", payloads[0]+" 158").harmless()
	queue, ids := urlEscape(payloads[0]), root.ids(payloads[0])
	root.get("/operations/dead/queue?queue="+queue).harmless().atMost(300_000).want(http.StatusOK, "158 messages").want(http.StatusOK, "Show more")
	root.get("/operations/dead/queue?queue="+queue+"&from=100").want(http.StatusOK, "kind xxx").lacks("Show more")
	root.get("/operations/dead/queue?queue="+queue+"&from=-9999999").want(http.StatusOK, "Show more")
	root.get("/operations/dead/queue?queue="+queue+"&from=9999999").want(http.StatusOK, "Nothing is parked")
	for i, x := range payloads {
		id := ids[i]
		root.get("/operations/dead/message?queue="+queue+"&id="+id).harmless().want(http.StatusOK, "Message")
		root.get("/operations/dead/edit?queue="+queue+"&id="+id).harmless().want(http.StatusOK, "")
		root.get("/operations/dead/queue?queue=" + urlEscape(x) + "&kind=" + urlEscape(x)).harmless()
		root.post("/operations/dead/drop", form("queue", x, "id", x, x, x)).harmless().want(http.StatusOK, "Delete for good?")
	}
	root.get("/operations/dead/message?queue="+queue+"&id="+ids[len(payloads)]).harmless().atMost(1_000_000).want(http.StatusOK, "Body, 900000 bytes")
	root.get("/operations/dead/edit?queue="+queue+"&id="+ids[len(payloads)]).want(http.StatusUnprocessableEntity, "It is too large for a form.")
	if got := s.audit("dead.drop"); len(got) != 0 {
		t.Errorf("deleted without a confirmation: %q", got)
	}
}

// TestLongWork stops the retry of many messages.
func TestLongWork(t *testing.T) {
	t.Parallel()
	s, conn := startDead(t, brokertest.Embedded(t))
	root := s.as("root")
	all := make([]dead, 1000)
	for i := range all {
		all[i] = dead{deadletter.Original{Error: "no table"}, "{}"}
	}
	park(t, conn, "bills", all...)
	began := time.Now()
	root.post("/operations/dead/retry", form("queue", "bills", "all", "yes")).leadsTo("/operations/dead/queue?queue=bills")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the request took %v", took)
	}
	p := root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "Retrying all messages goes on.")
	p.want(http.StatusOK, " of 1000 root began it")
	root.post("/operations/dead/retry", form("queue", "bills", "all", "yes")).want(http.StatusConflict, "Somebody works on this queue")
	s.as("viewer").get("/operations/dead/queue?queue=bills").want(http.StatusOK, "Retrying goes on").lacks("Stop")
	root.post("/operations/dead/stop", form("queue", "bills")).leadsTo("/operations/dead/queue?queue=bills")
	root.get("/operations/dead/queue?queue=bills").want(http.StatusOK, "Stopped. The other messages stay parked.").want(http.StatusOK, " messages Message")
	if got := s.audit("dead.retry")[0]; !strings.HasPrefix(got, "root bills map[all:true retried:") || !strings.HasSuffix(got, "stopped before the end: the other messages stay parked") {
		t.Errorf("got %s", got)
	}
	if got, want := s.audit("dead.stop")[0], "root bills map[begun_by:root]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	root.post("/operations/dead/stop", form("queue", "bills")).leadsTo("/operations/dead/queue?queue=bills") // nothing is running
}
