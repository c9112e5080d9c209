package broker_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// An api is a management API and its broker, with a vhost for the test.
type api struct {
	t     *testing.T
	base  string // http://guest:guest@host:port
	uri   string // of the vhost
	vhost string // as in paths

	reason, host, site string // sent with each request as X-Reason, Host and Sec-Fetch-Site, unless ""
}

// eachAPI runs f on the embedded broker's API and on RabbitMQ's.
func eachAPI(t *testing.T, f func(t *testing.T, a *api)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, embeddedAPI(t)) })
	t.Run("rabbitmq", func(t *testing.T) { f(t, rabbitAPI(t)) })
}

func embeddedAPI(t *testing.T) *api {
	t.Helper()
	b := start(t, broker.Config{VHosts: []string{"embedded"}, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	amqp, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	http, err := b.ListenManagement("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &api{t: t, base: "http://guest:guest@" + http.String(), uri: "amqp://guest:guest@" + amqp.String() + "/embedded", vhost: "embedded"}
}

func rabbitAPI(t *testing.T) *api {
	t.Helper()
	uri := brokertest.RabbitMQ(t)
	return &api{t: t, base: os.Getenv("GOMEKO_RABBITMQ_API"), uri: uri, vhost: uri[strings.LastIndex(uri, "/")+1:]}
}

// ask sends a request to a path, in which VHOST stands for the vhost. It returns the status and the
// decoded body.
func (a *api) ask(method, path, body string) (int, any) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), method, a.base+"/api/"+strings.ReplaceAll(path, "VHOST", a.vhost), strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Host = a.host
	for name, value := range map[string]string{"X-Reason": a.reason, "Sec-Fetch-Site": a.site} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: hosttest.Timeout}
	response, err := client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	var value any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &value); err != nil {
			a.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return response.StatusCode, value
}

// volatile are the fields that differ between brokers.
var volatile = map[string]bool{"connected_at": true, "peer_port": true, "port": true, "cluster_state": true,
	"messages_persistent": true, "message_bytes_persistent": true, // ours has none
	"user_who_performed_action": true, // of predeclared exchanges
}

// lacks returns where ours is not in theirs: theirs must contain every field of ours with an equal
// value. Names of connections may differ in their ports, and vhosts in their names.
func lacks(path string, ours, theirs any, same func(string) string) []string {
	switch o := ours.(type) {
	case map[string]any:
		t, ok := theirs.(map[string]any)
		if !ok {
			break
		}
		var missing []string
		for key, value := range o {
			if !volatile[key] {
				missing = append(missing, lacks(path+"."+key, value, t[key], same)...)
			}
			if _, ok := t[key]; !ok {
				missing = append(missing, fmt.Sprintf("%s.%s: theirs has none", path, key))
			}
		}
		return missing
	case []any:
		t, ok := theirs.([]any)
		if !ok || len(t) != len(o) {
			break
		}
		inOrder(o)
		inOrder(t)
		var missing []string
		for i := range o {
			missing = append(missing, lacks(fmt.Sprintf("%s[%d]", path, i), o[i], t[i], same)...)
		}
		return missing
	case string:
		if t, ok := theirs.(string); ok && same(o) == same(t) {
			return nil
		}
	}
	if reflect.DeepEqual(ours, theirs) {
		return nil
	}
	return []string{fmt.Sprintf("%s: ours %v, theirs %v", path, ours, theirs)}
}

// inOrder sorts bindings and consumers, whose order is undefined.
func inOrder(list []any) {
	key := func(v any) string {
		m, _ := v.(map[string]any)
		return fmt.Sprint(m["source"], m["destination_type"], m["destination"], m["routing_key"], m["consumer_tag"], m["name"])
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}

// alike returns a function that makes names from both brokers equal.
func alike(a, b *api) func(string) string {
	names := strings.NewReplacer(a.vhost, "VHOST", b.vhost, "VHOST")
	return func(s string) string { return ports.ReplaceAllString(names.Replace(s), "…") }
}

// ports matches the parts of names that differ: the ports of connections and nodes, and in paths to
// bindings a hash of the arguments.
var ports = regexp.MustCompile(`:\d+|-\d+@|@|~.*`)

// In the same state, the API returns the same as RabbitMQ's, for the fields that it has.
func TestManagementTells(t *testing.T) {
	ours, theirs := embeddedAPI(t), rabbitAPI(t)
	names := make(map[*api]string)
	for _, a := range []*api{ours, theirs} {
		names[a] = populate(t, a)
	}
	same := alike(ours, theirs)
	for _, path := range []string{
		"queues/VHOST", "queues/VHOST/plain", "queues/VHOST/prior", "queues/VHOST/mine", "queues/VHOST/single", "queues/VHOST/many",
		"queues/VHOST/plain/bindings", "queues/VHOST/none", "queues/none",
		"exchanges/VHOST", "exchanges/VHOST/x", "exchanges/VHOST/amq.default", "exchanges/VHOST/none",
		"exchanges/VHOST/x/bindings/source", "exchanges/VHOST/x/bindings/destination", "exchanges/VHOST/amq.default/bindings/source",
		"bindings/VHOST", "bindings/VHOST/e/amq.topic/q/plain", "bindings/VHOST/e/amq.topic/q/plain/a.%2523", "bindings/VHOST/e/amq.direct/e/x",
		"bindings/VHOST/e/amq.topic/q/plain/none",
		"vhosts/VHOST", "vhosts/none", "vhosts/VHOST/connections", "vhosts/VHOST/channels",
		"connections/NAME", "connections/NAME/", "connections/none", "connections/NAME/channels", "channels/NAME%20(1)", "channels/none",
		"consumers/VHOST", "consumers/none",
		"users", "users/guest", "users/none", "users/none/permissions",
		"permissions/VHOST/guest", "vhosts/VHOST/permissions", "permissions/VHOST/none",
		"whoami", "aliveness-test/VHOST", "aliveness-test/none",
		"health/checks/alarms", "health/checks/local-alarms", "health/checks/virtual-hosts",
		"none",
	} {
		t.Run(path, func(t *testing.T) {
			ask := func(a *api) (int, any) {
				return a.ask(http.MethodGet, strings.ReplaceAll(path, "NAME", url.PathEscape(names[a])), "")
			}
			status, got := ask(ours)
			fault := hosttest.Poll(func() (string, bool) { // RabbitMQ counts only every five seconds
				wantStatus, want := ask(theirs)
				missing := lacks("", got, want, same)
				return fmt.Sprintf("status: ours %d, theirs %d\n%s", status, wantStatus, strings.Join(missing, "\n")),
					status == wantStatus && missing == nil
			})
			if !strings.HasSuffix(fault, "\n") {
				t.Error(fault)
			}
		})
	}
	for _, path := range []string{"overview", "nodes"} {
		t.Run(path, func(t *testing.T) { // other tests use the same RabbitMQ, so only the form is compared
			_, got := ours.ask(http.MethodGet, path, "")
			_, want := theirs.ask(http.MethodGet, path, "")
			if missing := keysWithout(got, want); missing != nil {
				t.Errorf("theirs have none of %v", missing)
			}
		})
	}
}

// absent are the fields of RabbitMQ that ours leaves out: rates, statistics of Erlang and of the
// network, and hashes of passwords.
var absent = regexp.MustCompile(`\.(message_stats|.*_(details|oct|cnt)|garbage_collection|reductions|memory|idle_since|` +
	`backing_queue_status|consumer_(capacity|utilisation)|open_files|send_pend|pending_raft_commands|` +
	`password_hash|hashing_algorithm|cluster_state)$`)

// omitted returns the fields of theirs, at any depth, that ours lacks. It skips lists.
func omitted(path string, ours, theirs any) (missing []string) {
	t, _ := theirs.(map[string]any)
	o, _ := ours.(map[string]any)
	for key, value := range t {
		name := path + "." + key
		if key != "consumer_details" && key != "connection_details" && absent.MatchString(name) {
			continue
		}
		if mine, has := o[key]; !has {
			missing = append(missing, name)
		} else {
			missing = append(missing, omitted(name, mine, value)...)
		}
	}
	slices.Sort(missing)
	return missing
}

// The API omits no field that RabbitMQ has, for new objects and for objects in use, because clients
// index the fields. The exceptions are in absent.
func TestManagementOmitsNothing(t *testing.T) {
	ours, theirs := embeddedAPI(t), rabbitAPI(t)
	names := make(map[*api]string)
	for _, a := range []*api{ours, theirs} {
		names[a] = populate(t, a)
		a.ask(http.MethodPut, "queues/VHOST/new", `{"durable":true}`)
		a.ask(http.MethodPut, "exchanges/VHOST/new", `{"type":"direct"}`)
	}
	for path, of := range map[string]string{ // what RabbitMQ has when it has counted
		"queues/VHOST/new": "messages", "queues/VHOST/plain": "messages", "queues/VHOST/prior": "messages", "queues/VHOST/mine": "messages",
		"queues/VHOST/single": "messages", "queues/VHOST/many": "messages", "exchanges/VHOST/new": "name", "exchanges/VHOST/x": "name",
		"vhosts/VHOST": "messages", "connections/NAME": "recv_oct", "channels/NAME%20(1)": "consumer_count",
		"users/guest": "name", "permissions/VHOST/guest": "user", "whoami": "name", "aliveness-test/VHOST": "status",
	} {
		t.Run(path, func(t *testing.T) {
			ask := func(a *api) any {
				_, value := a.ask(http.MethodGet, strings.ReplaceAll(path, "NAME", url.PathEscape(names[a])), "")
				return value
			}
			want := hosttest.Poll(func() (any, bool) {
				m, _ := ask(theirs).(map[string]any)
				return m, m[of] != nil
			})
			if missing := omitted("", ask(ours), want); missing != nil {
				t.Errorf("theirs has %v", missing)
			}
		})
	}
}

// keysWithout returns the fields of ours, or of its first element, that theirs lacks.
func keysWithout(ours, theirs any) (missing []string) {
	first := func(v any) map[string]any {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, _ := v.(map[string]any)
		return m
	}
	t := first(theirs)
	for key := range first(ours) {
		if _, ok := t[key]; !ok {
			missing = append(missing, key)
		}
	}
	return missing
}

// populate creates exchanges, queues, bindings, consumers and messages, and returns the name of
// their connection.
func populate(t *testing.T, a *api) string {
	t.Helper()
	s := &stage{t: t, uri: a.uri}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("populate")
	conn, err := amqp.DialConfig(a.uri, amqp.Config{Properties: properties, Heartbeat: 20 * time.Second})
	s.check(err)
	t.Cleanup(func() { conn.Close() })
	ch := channel(t, conn)
	s.check(ch.Confirm(false))
	acks := ch.NotifyPublish(make(chan amqp.Confirmation, 100))
	declare := func(name string, durable, autoDelete, exclusive bool, arguments amqp.Table) {
		t.Helper()
		_, err := ch.QueueDeclare(name, durable, autoDelete, exclusive, false, arguments)
		s.check(err)
	}
	declare("plain", true, false, false, nil)
	declare("prior", true, false, false, amqp.Table{"x-max-priority": int32(5), "x-message-ttl": int64(1e8), "x-dead-letter-exchange": "amq.fanout"})
	declare("mine", false, true, true, nil)
	declare("single", true, false, false, amqp.Table{"x-single-active-consumer": true})
	declare("many", true, false, false, amqp.Table{"x-queue-type": "quorum"})
	s.check(ch.ExchangeDeclare("x", "topic", false, false, true, false, amqp.Table{"alternate-exchange": "amq.fanout"}))
	s.check(ch.ExchangeBind("x", "k", "amq.direct", false, nil))
	for _, b := range []struct {
		queue, key, exchange string
		arguments            amqp.Table
	}{
		{"plain", "a.#", "amq.topic", nil}, {"plain", "", "amq.fanout", nil}, {"plain", "~ /é", "amq.direct", nil},
		{"prior", "", "amq.headers", amqp.Table{"x-match": "any", "n": int32(1), "b": true, "s": "x"}}, {"prior", "*", "x", nil},
	} {
		s.check(ch.QueueBind(b.queue, b.key, b.exchange, false, b.arguments))
	}
	_, err = ch.Consume(replyTo, "replies", true, false, false, false, nil)
	s.check(err)
	s.check(ch.Qos(3, 0, false))
	for _, c := range []struct{ tag, queue string }{{"1", "prior"}, {"2", "single"}, {"3", "single"}} {
		_, err := ch.Consume(c.queue, c.tag, false, c.tag == "1", false, false, amqp.Table{"x-priority": int32(2)})
		s.check(err)
	}
	for range 7 {
		for _, queue := range []string{"plain", "prior"} {
			s.check(ch.PublishWithContext(t.Context(), "", queue, false, false, amqp.Publishing{Body: []byte("hello"), DeliveryMode: amqp.Persistent}))
			hosttest.Next(t, acks)
		}
	}
	return conn.LocalAddr().String() + " -> " + conn.RemoteAddr().String()
}
