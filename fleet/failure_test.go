package fleet_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// memberURI and memberService are the environment variables of a child process that is a member of
// a fleet.
const (
	memberURI     = "GOMEKO_TEST_MEMBER_URI"
	memberService = "GOMEKO_TEST_MEMBER_SERVICE"
)

// TestSoakFleet runs a fleet of processes of two services, 100 with GOMEKO_SOAK. All of them answer
// within half a second. One that was killed is missing from the next answers.
func TestSoakFleet(t *testing.T) {
	if uri := os.Getenv(memberURI); uri != "" {
		var hosted any = new(Bills)
		if os.Getenv(memberService) == "orders" {
			hosted = newOrders()
		}
		run(t, uri, fleet.ControlConfig{}, hosted)
		os.Stderr.WriteString("the member is ready\n")
		select {}
	}
	size := 10
	if os.Getenv("GOMEKO_SOAK") != "" {
		size = 100
	}
	brokertest.Each(t, func(t *testing.T, uri string) {
		members := make([]*hosttest.Process, size)
		for i := range members {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSoakFleet$")
			cmd.Env = append(os.Environ(), memberURI+"="+uri, memberService+"="+[]string{"orders", "bills"}[i%2])
			members[i] = hosttest.StartProcess(t, cmd)
		}
		for _, m := range members {
			m.Line("the member is ready")
		}
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		ask := func(n int) bool {
			began := time.Now()
			got := survey(t, conn, fleet.Question{Verb: "stats"})
			t.Logf("%d processes: %d answered within %s, %+v", n, len(got.Answers), time.Since(began), got.Counts)
			return got.Complete() && len(got.Answers) == n
		}
		if !ask(size) {
			t.Errorf("want the answers of all %d processes", size)
		}
		members[0].Kill()
		<-members[0].Ended()
		hosttest.Eventually(t, "the answers of all but the killed process", func() bool { return ask(size - 1) }) // the broker may see the end later than we do
	})
}

// A link is a connection that can be cut without the broker's knowledge.
type link struct {
	net.Conn
	dead   *atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (l *link) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	if l.dead.Load() {
		<-l.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	if l.dead.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

func (l *link) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Conn.Close()
}

// TestHalfOpen asks while a process's link is dead but the broker does not know it.
func TestHalfOpen(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		run(t, uri, fleet.ControlConfig{}, new(Bills))
		dead := new(atomic.Bool)
		h, err := hosttest.New(t, hosttest.Config{Broker: transport.Config{URI: uri, Dial: func(ctx context.Context, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			return &link{Conn: c, dead: dead, closed: make(chan struct{})}, err
		}}}, new(Bills), service.Configure(fleet.Control(fleet.ControlConfig{})))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		if got := survey(t, conn, fleet.Question{Verb: "ping"}); !got.Complete() || len(got.Answers) != 2 {
			t.Errorf("before: got %+v, want two answers", got)
		}
		dead.Store(true)
		got := survey(t, conn, fleet.Question{Verb: "ping", Wait: 2 * time.Second})
		if want := []fleet.Count{{Service: "bills", Answered: 1, Others: 1}}; fmt.Sprint(got.Counts) != fmt.Sprint(want) {
			t.Errorf("after: got the counts %+v, want %+v", got.Counts, want)
		}
		h.Kill()
	})
}

// TestManyAnswers lets 500 processes answer at once, with 4 kB each. The last one has the consumer
// for which the survey waits.
func TestManyAnswers(t *testing.T) {
	const processes, connections = 500, 5
	brokertest.Each(t, func(t *testing.T, uri string) {
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		ch := brokertest.Channel(t, uri)
		if err := ch.ExchangeDeclare("gomeko.control", "topic", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.QueueDeclare("rpc-a", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := ch.Consume("rpc-a", "", true, true, false, false, nil); err != nil {
			t.Fatal(err)
		}
		questions := brokertest.Bind(t, ch, "gomeko.control", "stats")
		channels := make([]*amqp.Channel, connections)
		for i := range channels {
			channels[i] = brokertest.Channel(t, uri)
			if err := channels[i].Confirm(false); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan fleet.Answers, 1)
		go func() {
			answers, err := fleet.Survey(t.Context(), conn, fleet.Question{Verb: "stats", Wait: hosttest.Timeout})
			if err != nil {
				t.Error(err)
			}
			done <- answers
		}()
		q := hosttest.Next(t, questions)
		answer := func(ch *amqp.Channel, instance string, consumers int) *amqp.DeferredConfirmation {
			body := fmt.Sprintf(`{"schema": "gomeko.stats/v1", "instance": %q, "services": [{"name": "a", "consumers": %d}], "answer": {"pad": %q}}`,
				instance, consumers, strings.Repeat("x", 4000))
			sent, err := ch.PublishWithDeferredConfirm("", q.ReplyTo, false, false, amqp.Publishing{CorrelationId: q.CorrelationId, Body: []byte(body)})
			if err != nil {
				t.Error(err)
			}
			return sent
		}
		var answering sync.WaitGroup
		for i, ch := range channels {
			answering.Go(func() {
				var sent *amqp.DeferredConfirmation
				for n := range processes / connections {
					if i > 0 || n > 0 {
						sent = answer(ch, fmt.Sprint(i, "/", n), 0)
					}
				}
				sent.Wait()
			})
		}
		answering.Wait()
		answer(channels[0], "0/0", 1)
		got := hosttest.Receive(t, "the answers", done)
		if len(got.Answers) != processes || len(got.Counts) != 1 || got.Counts[0].Answered != processes {
			t.Errorf("got %d answers and %+v, want %d", len(got.Answers), got.Counts, processes)
		}
		if !conn.Away().IsZero() {
			t.Error("the asker was disconnected")
		}
	})
}

// TestDeadAsker asks and disconnects before the answer. Nothing is left at the broker, and the
// process answers the next question.
func TestDeadAsker(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		h := run(t, uri, fleet.ControlConfig{}, new(Bills))
		ch := brokertest.Channel(t, uri)
		for range 20 {
			p := amqp.Publishing{ReplyTo: "gomeko.control.answers.gone", Expiration: "5000"}
			if err := ch.Publish("gomeko.control", "ping", false, false, p); err != nil {
				t.Fatal(err)
			}
		}
		conn := hosttest.Dial(t, transport.Config{URI: uri})
		hosttest.Eventually(t, "an answer to another asker", func() bool {
			return len(survey(t, conn, fleet.Question{Verb: "ping", Service: "bills", Wait: time.Second}).Answers) == 1
		})
		if lines := h.Log.Lines("level=WARN", "broker"); len(lines) > 0 {
			t.Errorf("got %q in the log, want no warnings", lines)
		}
	})
}

// TestPermissions gives users of RabbitMQ exactly the permissions that docs/wire/control.md lists.
func TestPermissions(t *testing.T) {
	uri := brokertest.RabbitMQ(t)
	run(t, uri, fleet.ControlConfig{Access: fleet.AccessFull}, new(Bills))
	for name, test := range map[string]struct {
		verbs   string
		refused bool
	}{
		"reader":   {`^(ping|info|describe|stats|health)(\.|$)`, true},
		"operator": {`^(ping|info|describe|stats|health|dump|level)(\.|$)`, false},
	} {
		user := brokertest.NewUser(t, uri)
		user.Grant(`^gomeko\.control\.answers\.`, `^(gomeko\.control$|gomeko\.control\.answers\.)`, `^gomeko\.control\.answers\.`)
		user.GrantTopic("gomeko.control", test.verbs, "^$")
		conn := hosttest.Dial(t, transport.Config{URI: user.URI("secret")})
		for _, service := range []string{"", "bills"} {
			if got := survey(t, conn, fleet.Question{Verb: "ping", Service: service}); len(got.Answers) != 1 || !got.Complete() {
				t.Errorf("%s: got %+v of a ping, want one answer", name, got)
			}
			_, err := fleet.Survey(t.Context(), conn, fleet.Question{Verb: "dump", Service: service})
			if refused := err != nil && strings.Contains(err.Error(), "403"); refused != test.refused || err != nil && !refused {
				t.Errorf("%s: got %v of a dump, want it refused: %t", name, err, test.refused)
			}
		}
	}
}
