package broker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/broker"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// A permitted is an operation of a client, and the permission that it needs.
type permitted struct {
	name       string
	permission string // configure, write or read
	what       string // the queue or the exchange for which it is needed
	do         func(ch *amqp.Channel) error
}

var permittedRequests = []permitted{
	{"declare a queue", "configure", "queue 'new'", func(ch *amqp.Channel) error { return second(ch.QueueDeclare("new", true, false, false, false, nil)) }},
	{"declare a queue that exists", "configure", "queue 'q'", func(ch *amqp.Channel) error { return second(ch.QueueDeclare("q", true, false, false, false, nil)) }},
	{"delete a queue", "configure", "queue 'gone'", func(ch *amqp.Channel) error { return second(ch.QueueDelete("gone", false, false, false)) }},
	{"declare an exchange", "configure", "exchange 'new'", func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare("new", "topic", true, false, false, false, nil)
	}},
	{"delete an exchange", "configure", "exchange 'gone'", func(ch *amqp.Channel) error { return ch.ExchangeDelete("gone", false, false) }},
	{"bind a queue", "write", "queue 'q'", func(ch *amqp.Channel) error { return ch.QueueBind("q", "k", "x", false, nil) }},
	{"bind to an exchange", "read", "exchange 'x'", func(ch *amqp.Channel) error { return ch.QueueBind("q", "k", "x", false, nil) }},
	{"unbind a queue", "write", "queue 'q'", func(ch *amqp.Channel) error { return ch.QueueUnbind("q", "none", "x", nil) }},
	{"bind an exchange", "write", "exchange 'y'", func(ch *amqp.Channel) error { return ch.ExchangeBind("y", "k", "x", false, nil) }},
	{"bind an exchange to another", "read", "exchange 'x'", func(ch *amqp.Channel) error { return ch.ExchangeBind("y", "k", "x", false, nil) }},
	{"publish", "write", "exchange 'x'", func(ch *amqp.Channel) error { return publishTo(ch, "x") }},
	{"publish to the default exchange", "write", "exchange 'amq.default'", func(ch *amqp.Channel) error { return publishTo(ch, "") }},
	{"consume", "read", "queue 'q'", func(ch *amqp.Channel) error {
		_, err := ch.Consume("q", "", false, false, false, false, nil)
		return err
	}},
	{"get", "read", "queue 'q'", func(ch *amqp.Channel) error {
		_, _, err := ch.Get("q", true)
		return err
	}},
	{"purge", "read", "queue 'q'", func(ch *amqp.Channel) error { return second(ch.QueuePurge("q", false)) }},
	{"dead letters to an exchange", "write", "exchange 'x'", func(ch *amqp.Channel) error {
		return second(ch.QueueDeclare("new", true, false, false, false, amqp.Table{"x-dead-letter-exchange": "x"}))
	}},
	{"dead letters of a queue", "read", "queue 'new'", func(ch *amqp.Channel) error {
		return second(ch.QueueDeclare("new", true, false, false, false, amqp.Table{"x-dead-letter-exchange": "x"}))
	}},
	{"an alternate exchange", "write", "exchange 'x'", func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare("new", "topic", true, false, false, false, amqp.Table{"alternate-exchange": "x"})
	}},
}

// publishTo publishes, and returns the reason if the broker closes the channel.
func publishTo(ch *amqp.Channel, exchange string) error {
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := ch.Confirm(false); err != nil {
		return err
	}
	sent, err := ch.PublishWithDeferredConfirm(exchange, "k", false, false, amqp.Publishing{})
	if err != nil {
		return err
	}
	select {
	case err := <-closed:
		return err
	case <-sent.Done():
		return nil
	}
}

// TestPermissions does each operation with all permissions except on one name, and then with all.
func TestPermissions(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		user := brokertest.ManagedUser(t, uri, api)
		admin := channel(t, connect(t, uri))
		vhost := vhostOf(t, uri)
		for _, r := range permittedRequests {
			t.Run(r.name, func(t *testing.T) {
				for _, err := range []error{
					second(admin.QueueDeclare("q", true, false, false, false, nil)), second(admin.QueueDeclare("gone", true, false, false, false, nil)),
					admin.ExchangeDeclare("x", "topic", true, false, false, false, nil), admin.ExchangeDeclare("y", "topic", true, false, false, false, nil),
					admin.ExchangeDeclare("gone", "topic", true, false, false, false, nil), second(admin.QueueDelete("new", false, false, false)), admin.ExchangeDelete("new", false, false),
				} {
					if err != nil {
						t.Fatal(err)
					}
				}
				name := strings.Trim(r.what[strings.Index(r.what, "'"):], "'")
				granted := map[string]string{"configure": ".*", "write": ".*", "read": ".*"}
				var others []string // every other name
				for _, other := range []string{"q", "new", "gone", "x", "y", "amq.default"} {
					if other != name {
						others = append(others, "^"+other+"$")
					}
				}
				granted[r.permission] = strings.Join(others, "|")
				user.Grant(granted["configure"], granted["write"], granted["read"])
				err := r.do(channel(t, connect(t, user.URI("secret"))))
				want := fmt.Sprintf("ACCESS_REFUSED - access to %s in vhost '%s' refused for user '%s'", r.what, vhost, user.Name)
				if e, ok := err.(*amqp.Error); !ok || e.Code != 403 || e.Reason != want {
					t.Errorf("got %v, want 403 %s", err, want)
				}
				user.Grant(".*", ".*", ".*")
				if err := r.do(channel(t, connect(t, user.URI("secret")))); err != nil && err != (*amqp.Error)(nil) {
					t.Errorf("with all permissions: %v", err)
				}
			})
		}
		t.Run("none", func(t *testing.T) {
			user.Grant("", "", "")
			ch := channel(t, connect(t, user.URI("secret")))
			err := second(ch.QueueDeclare("q", true, false, false, false, nil))
			if e, ok := err.(*amqp.Error); !ok || e.Code != 403 {
				t.Errorf("got %v, want 403", err)
			}
			ch = channel(t, connect(t, user.URI("secret")))
			if _, err := ch.QueueDeclarePassive("q", true, false, false, false, nil); err != nil {
				t.Errorf("a passive declaration needs no permission: %v", err)
			}
		})
	})
}

func vhostOf(t *testing.T, uri string) string {
	t.Helper()
	u, err := amqp.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u.Vhost
}

// TestAccessToVHosts checks who may open a connection, and use the management API.
func TestAccessToVHosts(t *testing.T) {
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		user := brokertest.ManagedUser(t, uri, api)
		refused := func(want string) {
			t.Helper()
			conn, err := amqp.Dial(user.URI("secret"))
			if err == nil {
				conn.Close()
			}
			if e, ok := err.(*amqp.Error); !ok || e.Code != 530 || e.Reason != want {
				t.Errorf("got %v, want 530 %s", err, want)
			}
		}
		want := fmt.Sprintf("NOT_ALLOWED - access to vhost '%s' refused for user '%s'", vhostOf(t, uri), user.Name)
		refused(want)
		user.Grant("", "", "")
		connect(t, user.URI("secret"))
		u, err := url.Parse(api)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user.Name, "secret")
		response, err := http.Get(u.String() + "/api/whoami")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		var body bytes.Buffer
		if _, err := body.ReadFrom(response.Body); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(body.String()); response.StatusCode != 401 || got != `{"error":"not_authorised","reason":"Not management user"}` {
			t.Errorf("got %d %s", response.StatusCode, got)
		}
	})
}

// TestUserLimits sets the limits of a user to 1.
func TestUserLimits(t *testing.T) {
	t.Run("embedded", func(t *testing.T) {
		b := start(t, broker.Config{
			Users:  map[string]string{"ana": "secret", "ben": "secret"},
			Access: map[string]broker.Access{"ana": {MaxConnections: 1}, "ben": {MaxChannels: 1}},
		})
		addr, err := b.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		checkUserLimits(t, "amqp://ana:secret@"+addr.String()+"/", "amqp://ben:secret@"+addr.String()+"/", "ana", "ben")
	})
	t.Run("rabbitmq", func(t *testing.T) {
		a := rabbitAPI(t)
		ana, ben := brokertest.NewUser(t, a.uri), brokertest.NewUser(t, a.uri)
		for user, limit := range map[*brokertest.User]string{ana: "max-connections", ben: "max-channels"} {
			user.Grant(".*", ".*", ".*")
			if status, body := a.ask("PUT", "user-limits/"+user.Name+"/"+limit, `{"value":1}`); status != http.StatusNoContent {
				t.Fatalf("got %d %v, want 204", status, body)
			}
		}
		checkUserLimits(t, ana.URI("secret"), ben.URI("secret"), ana.Name, ben.Name)
	})
}

func checkUserLimits(t *testing.T, connections, channels, ana, ben string) {
	t.Helper()
	first := connect(t, connections)
	until := func(open bool) error { // RabbitMQ counts a little later
		return hosttest.Poll(func() (error, bool) {
			conn, err := amqp.Dial(connections)
			if err == nil {
				conn.Close()
			}
			return err, (err == nil) == open
		})
	}
	want := "NOT_ALLOWED - connection refused for user '" + ana + "': user connection limit (1) is reached"
	if e, ok := until(false).(*amqp.Error); !ok || e.Code != 530 || e.Reason != want {
		t.Errorf("got %v, want 530 %s", e, want)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := until(true); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
	conn := connect(t, channels)
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	channel(t, conn)
	// RabbitMQ counts a channel a little after it is open.
	for err := error(nil); err == nil; {
		_, err = conn.Channel()
	}
	want = "NOT_ALLOWED - number of channels opened for user '" + ben + "' has reached the maximum allowed user limit of (1)"
	if e := hosttest.Next(t, closed); e.Code != 530 || e.Reason != want {
		t.Errorf("got %v, want 530 %s", e, want)
	}
}

// TestMaxChannels limits the channels of a connection.
func TestMaxChannels(t *testing.T) {
	addr, err := start(t, broker.Config{MaxChannels: 7}).Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if got := connect(t, "amqp://guest:guest@"+addr.String()+"/").Config.ChannelMax; got != 7 {
		t.Errorf("got a channel_max of %d, want 7", got)
	}
}

// An invalid permission permits nothing.
func TestWrongPermission(t *testing.T) {
	if err := (broker.Permission{Configure: "^a", Write: "(", Read: ""}).Err(); err == nil || !strings.Contains(err.Error(), `write: "(" is not a regular expression`) {
		t.Errorf("got %v", err)
	}
	var log bytes.Buffer
	b := start(t, broker.Config{
		Users:  map[string]string{"ana": "secret"},
		Access: map[string]broker.Access{"ana": {VHosts: map[string]broker.Permission{"/": {Configure: ".*", Write: "("}}}},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ch := channel(t, connect(t, "amqp://ana:secret@"+addr.String()+"/"))
	if err := second(ch.QueueDeclare("q", true, false, false, false, nil)); err == nil {
		t.Error("a wrong expression permits something")
	}
	if !strings.Contains(log.String(), "a permission is wrong and permits nothing") {
		t.Errorf("got the log\n%s", &log)
	}
}
