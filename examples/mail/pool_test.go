package mail_test

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/gomeko/gomeko/examples/mail"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPool(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	t.Run("many at once", func(t *testing.T) {
		h := servicetest.New(t, new(Accounts), new(Alarms), mail.Module, fx.Replace(mail.Config{Relay: r.Addr().String(), Connections: 2}))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if err := h.Client("accounts").Call(t.Context(), "invite", nil, "julio@example.org"); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if err := h.Client("alarms").Call(t.Context(), "raise", nil, "¡fuego!"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	got := r.seen()
	if got.messages != 40 || got.most > 2 || got.accepted != got.quits || got.accepted > 2 {
		t.Errorf("got %+v, want 40 messages over at most 2 connections, each of which was ended with QUIT", got)
	}
	want := "From: \"Accounts\" <accounts@example.org>\nTo: <julio@example.org>\n"
	if all := strings.Join(r.messages, ""); !strings.Contains(all, want) || !strings.Contains(all, "¡fuego!") {
		t.Errorf("got %s, want %s in it", all, want)
	}
}

// If a message fails, its sender receives the error, and the next message succeeds.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, address string
		before                func(*relay)
		want                  string
		accepted              int // connections; 0 is any number
	}{
		{name: "nothing", method: "invite", address: "julio@example.org", accepted: 1},
		{name: "no address", method: "invite", address: "julio", want: `mail to "julio": mail: missing '@'`, accepted: 1},
		{name: "refused", method: "invite", address: "nobody@example.org", want: "no such person", accepted: 1},
		{name: "relay hung up", method: "invite", address: "julio@example.org", before: (*relay).hangUp, accepted: 2},
		{name: "relay is slow", method: "impatient", address: "hang@example.org", want: "context deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRelay(t)
			accounts := servicetest.New(t, new(Accounts), mail.Module, fx.Replace(mail.Config{Relay: r.Addr().String(), Connections: 1})).Client("accounts")
			if tc.before != nil {
				tc.before(r)
			}
			err := accounts.Call(t.Context(), tc.method, nil, tc.address)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err := accounts.Call(t.Context(), "invite", nil, "julio@example.org"); err != nil {
				t.Errorf("after it: %v", err)
			}
			if got := r.seen(); tc.accepted > 0 && got.accepted != tc.accepted {
				t.Errorf("got %d connections, want %d", got.accepted, tc.accepted)
			}
		})
	}
}

// bare has mistakes in its tag.
type bare struct {
	_ service.Name `service:"bare"`

	Send mail.Sender `mail:"accounts" form:"x"`
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	type sound struct {
		_ service.Name `service:"sound"`

		Send mail.Sender `mail:"a@example.org"`
	}
	for _, tc := range []struct {
		services []any
		want     string
	}{
		{[]any{new(sound)}, "service sound: Send: no relay is configured: add mail.Module to the application"},
		{[]any{new(bare), mail.Module}, "service bare: Send: unknown key form in its tag: known keys: mail, doc\n" +
			"service bare: Send: mail: missing '@' or angle-addr: write the address to send from, as in mail:\"accounts@example.org\""},
		{[]any{new(sound), mail.Module, fx.Replace(mail.Config{})}, "service sound: Send: mail.connections: must be at least 1, not 0"},
		{[]any{new(sound), mail.Module, fx.Replace(mail.Config{Connections: 1})}, `mail: mail.relay: must be host:port, not "": `},
		{[]any{new(sound), mail.Module, fx.Replace(mail.Config{closed.Addr().String(), 1})}, "mail: dial tcp " + closed.Addr().String()},
	} {
		c, err := service.New(service.Config{Logger: slog.New(slog.DiscardHandler)}, tc.services...)
		if err == nil {
			err = c.Start(t.Context())
			c.Kill()
		}
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
}
