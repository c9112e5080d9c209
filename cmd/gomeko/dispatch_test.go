package main_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/messaging"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// listener tells what it hears, and as whom.
type listener struct {
	_ service.Name `service:"listener"`

	Entrypoints struct {
		ForgetUser events.Handler     `events:"users.user_deleted"`
		Bill       messaging.Consumer `messaging:"bills"`
		Whoami     rpc.Method         `rpc:"whoami(greeting, name='nobody')"`
	}

	heard chan string
}

type user struct{ ID int }

func (l *listener) ForgetUser(ctx context.Context, u user) error {
	return l.Bill(ctx, u)
}

func (l *listener) Bill(ctx context.Context, u user) error {
	id, _ := service.Key[any]("user_id").Get(ctx)
	tenant, _ := service.Key[string]("tenant").Get(ctx)
	l.heard <- strings.TrimSpace(strings.Join([]string{text(u.ID), text(id), tenant}, " "))
	return nil
}

func (*listener) Whoami(ctx context.Context, greeting, _ string) (string, error) {
	id, _ := service.Key[any]("user_id").Get(ctx)
	tenant, _ := service.Key[string]("tenant").Get(ctx)
	return greeting + " " + text(id) + tenant, nil
}

func text(v any) string {
	switch v := v.(type) {
	case int:
		return string(rune('0' + v))
	case int32:
		return string('0' + v)
	case int64:
		return string(rune('0' + v))
	}
	return "none"
}

// Events, messages and calls carry context data, from the command line and from the shell.
func TestDispatchAndPublish(t *testing.T) {
	brokertest.Each(t, func(t *testing.T, uri string) {
		l := &listener{heard: make(chan string, 1)}
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, l)
		broker := []string{"--broker", uri}
		data := append([]string{"--data", "user_id=7", "--data", "tenant=acme"}, broker...)
		heard := func(want string) {
			t.Helper()
			select {
			case got := <-l.heard:
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			case <-time.After(hosttest.Timeout):
				t.Errorf("nothing was heard, want %q", want)
			}
		}
		check(t, "", append([]string{"dispatch", "users", "user_deleted", `{"ID": 3}`}, data...), 0, "")
		heard("3 7 acme")
		check(t, `{"ID": 4}`, append([]string{"publish", "", "bills", "-"}, data...), 0, "")
		heard("4 7 acme")
		check(t, "", append([]string{"dispatch", "users", "user_added", "1"}, broker...), 0, "", "no service handles user_added of users")
		check(t, "", append([]string{"publish", "", "nowhere", "1"}, broker...), 1, "", "312 NO_ROUTE")
		check(t, "", append([]string{"call", "listener.whoami", "hello"}, data...), 0, "\"hello 7acme\"\n")

		script := "n.data['user_id'] = 8\nprint(n.rpc.listener.whoami('bye'))\nn.dispatch_event('users', 'user_deleted', {'ID': 5})"
		check(t, script, append([]string{"shell", "--data", "tenant=acme"}, broker...), 0, "bye 8acme\n")
		heard("5 8 acme")
		check(t, "n.data[1] = 2\nn.rpc.listener.whoami('x')", append([]string{"shell"}, broker...), 1, "", "n.data: the key 1 must be a string")
	})
	for args, want := range map[string]string{
		"dispatch users user_deleted {": `"{": must be JSON`,
		"publish shop":                  "accepts 3 arg(s), received 1",
		"call a.b --data user_id":       "--data user_id: must be KEY=VALUE, as in user_id=7",
	} {
		check(t, "", strings.Fields(args), 2, "", want)
	}
}

// Shell completion knows the services, methods and parameters of the fleet, and is quick if no
// broker answers.
func TestCompletion(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	start(t, "", "", "run", "./testdata/work", "./testdata/slow", "--broker", uri).Line("Connected to ")
	complete := func(words ...string) []string {
		p := start(t, "", "", append([]string{"__complete"}, words...)...)
		if status := p.Wait(); status != 0 {
			t.Errorf("%q: got exit status %d", words, status)
		}
		return strings.Fields(p.Stdout())
	}
	for _, test := range []struct{ words, want string }{
		{"--broker URI call |", "worker.double worker.wait sloth.sleep :4"},
		{"call --broker URI sl|", "sloth.sleep :4"},
		{"call --broker URI worker.double |", "n= :6"},
		{"call --broker URI worker.double 1 |", ":6"},
		{"call --broker URI worker.wait w|", "who= :6"},
		{"stats --broker URI w|", "worker :4"},
		{"call --broker amqp://127.0.0.1:1/ |", ":4"},
	} {
		words := strings.Split(strings.TrimSuffix(strings.ReplaceAll(test.words, "URI", uri), "|"), " ")
		var got []string
		hosttest.Eventually(t, test.words+" gives "+test.want, func() bool { // a busy machine may need longer than the limit
			got = complete(words...)
			return sameWords(got, strings.Fields(test.want))
		})
	}
	silent := hosttest.FreeAddress(t)
	began := time.Now()
	complete("call", "--broker", "amqp://"+silent+"/", "")
	t.Logf("without a broker it took %s", time.Since(began))
	for _, shell := range []string{"bash", "zsh", "fish"} {
		p := start(t, "", "", "completion", shell)
		if status := p.Wait(); status != 0 || !strings.Contains(p.Stdout(), "__complete") {
			t.Errorf("%s: got exit status %d and\n%s", shell, status, p.Stdout())
		}
	}
}

func sameWords(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for _, word := range want {
		found := false
		for _, other := range got {
			found = found || word == other
		}
		if !found {
			return false
		}
	}
	return true
}
