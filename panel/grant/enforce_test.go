package grant_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
)

// Vaults has rows that users run from a control panel.
type Vaults struct {
	_ service.Name `service:"vaults" allow:"bank"`

	Entrypoints struct {
		Open  rpc.Method `rpc:"open()" allow:"vault/open"`
		Shut  rpc.Method `rpc:"shut()" allow:"/guards"`
		Count rpc.Method `rpc:"count()"`
		Move  jobs.Job   `jobs:"move(sum, fails=0)" allow:"vault/move" retry:"10ms 10ms" done:"Moved"`
		Audit jobs.Job   `jobs:"audit(sum, fails=0)" allow:"vault/move" method:"Move"`
	}

	ended chan jobs.Outcome
}

// who returns the user who has started a call.
func who(ctx context.Context) string {
	g := grant.From(ctx)
	if g == nil {
		return "somebody"
	}
	return fmt.Sprint(g.User, " ", g.Groups, " ", g.Superuser)
}

func (*Vaults) Open(ctx context.Context) (string, error) { return who(ctx), nil }
func (*Vaults) Shut(ctx context.Context) (string, error) { return who(ctx), nil }

func (*Vaults) Count(ctx context.Context) (string, error) {
	return fmt.Sprint(who(ctx), len(service.FromContext(ctx).Data)), nil
}

// Move fails the given number of times.
func (*Vaults) Move(ctx context.Context, _, fails int) (string, error) {
	if attempt := service.FromContext(ctx).Attempt; attempt <= fails {
		return "", fmt.Errorf("attempt %d", attempt)
	}
	return who(ctx), nil
}

func (v *Vaults) Moved(_ context.Context, o jobs.Outcome) error {
	v.ended <- o
	return nil
}

// inBank are the groups of a user who may do everything with the vault.
var inBank = []string{"bank", "bank/vault", "bank/vault/open", "bank/vault/move"}

// signed returns a grant that key signs: ann's for vaults.Open, issued now, and changed.
func signed(t testing.TB, key *grant.Key, change func(*grant.Grant)) string {
	t.Helper()
	issued := time.Now()
	g := grant.Grant{User: "ann", Groups: inBank[:3], Service: "vaults", Row: "Open", Issued: issued, Expires: issued.Add(grant.Lifetime)}
	if change != nil {
		change(&g)
	}
	text, err := key.Sign(g)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRefusedCalls calls a row with allow with all kinds of grants.
func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	own, other := newKey(t), newKey(t)
	brokertest.Each(t, func(t *testing.T, uri string) {
		host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, &Vaults{}, grant.Enforce(keys(t, own)))
		client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("vaults")
		ann := func(change func(*grant.Grant)) string { return signed(t, own, change) }
		for _, test := range []struct {
			name, method, text, want string // want is the result, or a part of the error
			err                      error
		}{
			{"valid", "open", ann(nil), "ann [bank bank/vault bank/vault/open] false", nil},
			{"superuser", "open", ann(func(g *grant.Grant) { g.Groups, g.Superuser = nil, true }), "ann [] true", nil},
			{"row without allow", "count", "", "somebody0", nil},
			{"row without allow, with a grant", "count", ann(nil), "somebody0", nil},
			{"none", "open", "", "vaults.Open is run from a control panel only: there is no grant", rpc.ErrUnauthorized},
			{"garbage", "open", "garb.age", "vaults.Open: grant: not a grant", rpc.ErrUnauthorized},
			{"forged", "open", signed(t, other, nil), "unknown key", rpc.ErrUnauthorized},
			{"changed", "open", ann(nil)[:200] + "A" + ann(nil)[201:], "wrong signature", rpc.ErrUnauthorized},
			{"expired", "open", ann(func(g *grant.Grant) {
				g.Issued, g.Expires = time.Now().Add(-2*time.Minute), time.Now().Add(-time.Minute)
			}), "expired", rpc.ErrUnauthorized},
			{"for another row", "shut", ann(nil), "for something else", rpc.ErrUnauthorized},
			{"for another service", "open", ann(func(g *grant.Grant) { g.Service = "safes" }), "for something else", rpc.ErrUnauthorized},
			{"for a job", "open", ann(func(g *grant.Grant) {
				g.Job, g.Arguments, g.Expires = "x", grant.Hash(nil), time.Time{}
			}), "for something else", rpc.ErrUnauthorized},
			{"without a group", "open", ann(func(g *grant.Grant) { g.Groups = inBank[:2] }),
				`vaults.Open: "ann" is not in the group bank/vault/open`, rpc.ErrForbidden},
			{"without a group above", "open", ann(func(g *grant.Grant) { g.Groups = []string{"bank", "bank/vault/open"} }),
				`"ann" is not in the group bank/vault`, rpc.ErrForbidden},
			{"a path that stands alone", "shut", ann(func(g *grant.Grant) { g.Row, g.Groups = "Shut", inBank }),
				`"ann" is not in the group guards`, rpc.ErrForbidden},
		} {
			t.Run(test.name, func(t *testing.T) {
				ctx := t.Context()
				if test.text != "" {
					ctx = grant.With(ctx, test.text)
				}
				var got string
				err := client.Call(ctx, test.method, &got)
				if err != nil {
					got = err.Error()
				}
				if !errors.Is(err, test.err) || !strings.Contains(got, test.want) {
					t.Errorf("got %q, %v, want %q, %v", got, err, test.want, test.err)
				}
				if test.text != "" && strings.Contains(host.Log.String()+got, test.text) {
					t.Error("the grant is in the log or in the error")
				}
			})
		}
		if refused := host.Log.Wait(t, 10, "level=WARN", `msg="call refused"`, "err="); strings.Contains(host.Log.String(), "only the control panel checks") {
			t.Errorf("warned of rows without protection; %d refused", len(refused))
		}
	})
}

// startVaults hosts the vaults with a store, unless that is nil.
func startVaults(t *testing.T, uri string, db *store.Store, keys *grant.Keys) (*Vaults, *hosttest.Host) {
	t.Helper()
	v := &Vaults{ended: make(chan jobs.Outcome, 10)}
	return v, hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, v, service.Configure(jobs.Config{Store: db}), grant.Enforce(keys))
}

// eachStore runs f with each broker, with and without a store.
func eachStore(t *testing.T, f func(t *testing.T, uri string, db *store.Store)) {
	t.Helper()
	brokertest.Each(t, func(t *testing.T, uri string) {
		t.Run("alone", func(t *testing.T) { f(t, uri, nil) })
		t.Run("sqlite", func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			if _, _, err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			f(t, uri, db)
		})
	})
}

// enqueuer returns an Enqueuer that works like that of a control panel.
func enqueuer(t *testing.T, uri string, db *store.Store) *jobs.Enqueuer {
	t.Helper()
	e, err := jobs.NewEnqueuer(t.Context(), hosttest.Dial(t, transport.Config{URI: uri}), jobs.Config{Store: db})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hosttest.Close(t, e.Close) })
	return e
}

// signing returns an option that signs grants of ann for jobs of vaults.Move, changed.
func signing(key *grant.Key, change func(*grant.Grant)) jobs.Option {
	return jobs.Attach(func(id string, body []byte) (map[string]string, error) {
		g := grant.Grant{User: "ann", Groups: inBank, Service: "vaults", Row: "Move", Job: id, Arguments: grant.Hash(body), Issued: time.Now()}
		if change != nil {
			change(&g)
		}
		text, err := key.Sign(g)
		return map[string]string{grant.Data: text}, err
	})
}

// TestRefusedJobs enqueues jobs of a row with allow with all kinds of grants. Refused jobs fail at
// once, although the row has retries.
func TestRefusedJobs(t *testing.T) {
	t.Parallel()
	own, other := newKey(t), newKey(t)
	eachStore(t, func(t *testing.T, uri string, db *store.Store) {
		v, host := startVaults(t, uri, db, keys(t, own))
		client := enqueuer(t, uri, db).Client("vaults")
		for _, test := range []struct {
			name, job string
			fails     int
			sign      jobs.Option
			want      string
			err       error
		}{
			{"valid", "move", 0, signing(own, nil), `"ann [bank bank/vault bank/vault/open bank/vault/move] false"`, nil},
			{"valid, and tried again", "move", 2, signing(own, nil), `"ann [`, nil},
			{"old", "move", 1, signing(own, func(g *grant.Grant) { g.Issued = g.Issued.AddDate(0, 0, -7) }), `"ann [`, nil},
			{"none", "move", 0, nil, "there is no grant", rpc.ErrUnauthorized},
			{"forged", "move", 0, signing(other, nil), "unknown key", rpc.ErrUnauthorized},
			{"for another row", "audit", 0, signing(own, nil), "it is for vaults.Move, and is used for vaults.Audit", rpc.ErrUnauthorized},
			{"for another job", "move", 0, signing(own, func(g *grant.Grant) { g.Job = "another" }), "it is for job", rpc.ErrUnauthorized},
			{"for other arguments", "move", 0, signing(own, func(g *grant.Grant) { g.Arguments = grant.Hash([]byte(`{"args": [2], "kwargs": {}}`)) }),
				"it is for other arguments", rpc.ErrUnauthorized},
			{"for an RPC", "move", 0, signing(own, func(g *grant.Grant) {
				g.Job, g.Arguments, g.Expires = "", "", g.Issued.Add(grant.Lifetime)
			}), "it is for an RPC", rpc.ErrUnauthorized},
			{"without a group above", "move", 0, signing(own, func(g *grant.Grant) { g.Groups = inBank[1:] }), `"ann" is not in the group bank`, rpc.ErrForbidden},
		} {
			t.Run(test.name, func(t *testing.T) {
				ref, err := client.Enqueue(t.Context(), test.job, 1, test.fails, test.sign)
				if err != nil {
					t.Fatal(err)
				}
				_, err = ref.Wait(t.Context())
				var failed *jobs.Error
				switch {
				case test.err == nil && err != nil:
					t.Fatal(err)
				case test.err != nil && (!errors.Is(err, test.err) || !strings.Contains(err.Error(), test.want)):
					t.Fatalf("got %v, want %v: %s", err, test.err, test.want)
				case test.err != nil && (!errors.As(err, &failed) || failed.Attempts != 1 || failed.State != store.Failed):
					t.Errorf("got %+v, want it failed at the first attempt", failed)
				}
				if test.job == "audit" {
					return
				}
				o := hosttest.Next(t, v.ended)
				if test.err == nil && (!strings.HasPrefix(string(o.Result()), test.want) || o.Attempts != test.fails+1) {
					t.Errorf("got %s after %d attempts, want %s", o.Result(), o.Attempts, test.want)
				}
			})
		}
		host.Log.Wait(t, 7, "level=WARN", `msg="call refused"`)
	})
}

// TestReplayedGrant copies the message of a job with another id, and with its own id and other
// arguments.
func TestReplayedGrant(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	eachStore(t, func(t *testing.T, uri string, db *store.Store) {
		v, _ := startVaults(t, uri, db, keys(t, key))
		body := []byte(`{"args": [1], "kwargs": {}}`)
		text := signed(t, key, func(g *grant.Grant) {
			*g = grant.Grant{User: "ann", Superuser: true, Service: "vaults", Row: "Move", Job: "first", Arguments: grant.Hash(body), Issued: time.Now()}
		})
		ch := brokertest.Channel(t, uri)
		for _, test := range []struct {
			id, body string
			state    store.State
		}{
			{"first", string(body), store.Succeeded},
			{"second", string(body), store.Failed},
			{"third", `{"args": [1000000], "kwargs": {}}`, store.Failed},
		} {
			err := ch.PublishWithContext(t.Context(), "gomeko.jobs", "vaults.move", true, false, amqp.Publishing{
				ContentType: "application/json", MessageId: test.id, Body: []byte(test.body), Headers: amqp.Table{"nameko.gomeko_grant": text},
			})
			if err != nil {
				t.Fatal(err)
			}
			if o := hosttest.Next(t, v.ended); o.ID != test.id || o.State != test.state {
				t.Errorf("got job %s %s (%v), want %s %s", o.ID, o.State, o.Err, test.id, test.state)
			}
		}
	})
}

// Tellers is a chain: an RPC calls another service, which dispatches an event, whose handler
// enqueues a job, whose method calls the first service.
type Tellers struct {
	_ service.Name `service:"tellers" allow:"bank"`

	Entrypoints struct {
		Pay rpc.Method `rpc:"pay()" allow:"pay"`
		End rpc.Method `rpc:"end()"`
	}

	Clerks rpc.Client `rpc:"clerks"`

	data chan string
}

func (s *Tellers) Pay(ctx context.Context) error {
	s.data <- told(ctx)
	return s.Clerks.Call(ctx, "note", nil)
}

func (s *Tellers) End(ctx context.Context) error {
	s.data <- told(ctx)
	return nil
}

// told returns the user who started a call, as the call knows it, and its context data.
func told(ctx context.Context) string {
	return fmt.Sprint(who(ctx), " ", service.FromContext(ctx).Data)
}

type Clerks struct {
	_ service.Name `service:"clerks"`

	Entrypoints struct {
		Note rpc.Method `rpc:"note()"`
	}

	Dispatch events.Dispatcher

	data chan string
}

func (s *Clerks) Note(ctx context.Context) error {
	s.data <- told(ctx)
	return s.Dispatch(ctx, "noted", 1)
}

type Books struct {
	_ service.Name `service:"books"`

	Entrypoints struct {
		Noted events.Handler `events:"clerks.noted"`
		Write jobs.Job       `jobs:"write()" done:"Wrote"`
	}

	Jobs    jobs.Client `jobs:"books"`
	Tellers rpc.Client  `rpc:"tellers"`

	data chan string
}

func (s *Books) Noted(ctx context.Context, _ int) error {
	s.data <- told(ctx)
	_, err := s.Jobs.Enqueue(ctx, "write")
	return err
}

func (s *Books) Write(ctx context.Context) error {
	s.data <- told(ctx)
	return s.Tellers.Call(ctx, "end", nil)
}

func (s *Books) Wrote(ctx context.Context, _ jobs.Outcome) error {
	s.data <- told(ctx)
	return nil
}

// TestGrantIsNotPassedOn follows a grant through services by RPC, event and job. Only the row that
// it is for gets it. Other context data arrives everywhere.
func TestGrantIsNotPassedOn(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	brokertest.Each(t, func(t *testing.T, uri string) {
		data := make(chan string, 10)
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}},
			&Tellers{data: data}, &Clerks{data: data}, &Books{data: data}, grant.Enforce(keys(t, key)))
		ch := brokertest.Channel(t, uri)
		wires := []<-chan amqp.Delivery{
			brokertest.Bind(t, ch, "nameko-rpc", "clerks.note"), brokertest.Bind(t, ch, "clerks.events", "noted"),
			brokertest.Bind(t, ch, "gomeko.jobs", "books.write"), brokertest.Bind(t, ch, "nameko-rpc", "tellers.end"),
		}
		text := signed(t, key, func(g *grant.Grant) { g.Service, g.Row, g.Groups = "tellers", "Pay", []string{"bank", "bank/pay"} })
		ctx := service.UserID.With(grant.With(t.Context(), text), "7")
		if err := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("tellers").Call(ctx, "pay", nil); err != nil {
			t.Fatal(err)
		}
		if got, want := hosttest.Next(t, data), "ann [bank bank/pay] false map[user_id:7]"; got != want {
			t.Errorf("the row: got %s, want %s", got, want)
		}
		for range 5 {
			if got, want := hosttest.Next(t, data), "somebody map[user_id:7]"; got != want {
				t.Errorf("behind the row: got %s, want %s", got, want)
			}
		}
		for i, wire := range wires {
			m := hosttest.Next(t, wire)
			if m.Headers["nameko.user_id"] != "7" || m.Headers["nameko.gomeko_grant"] != nil || strings.Contains(fmt.Sprint(m), text) {
				t.Errorf("message %d: got the headers %v", i, m.Headers)
			}
		}
	})
}

// TestGrantInTests runs rows in tests of services, without a broker: calls of their rows, and eager
// jobs.
func TestGrantInTests(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	v := &Vaults{ended: make(chan jobs.Outcome, 2)}
	h := servicetest.New(t, v, new(Cashiers), jobs.Eager, grant.Enforce(keys(t, key)))
	if _, err := h.Run(t.Context(), "vaults.Open"); !errors.Is(err, rpc.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, rpc.ErrUnauthorized)
	}
	if got, err := h.Run(grant.With(t.Context(), signed(t, key, nil)), "vaults.Open"); err != nil || !strings.HasPrefix(fmt.Sprint(got), "ann ") {
		t.Errorf("got %v, %v", got, err)
	}
	for _, test := range []struct {
		sign jobs.Option
		want store.State
	}{{nil, store.Failed}, {signing(key, nil), store.Succeeded}} {
		if _, err := h.Run(t.Context(), "cashiers.Ask", test.sign); err != nil {
			t.Fatal(err)
		}
		if o := hosttest.Next(t, v.ended); o.State != test.want {
			t.Errorf("got %s (%v), want %s", o.State, o.Err, test.want)
		}
	}
}

// An Asker passes a jobs.Option before the arguments to its rows.
type Asker struct{}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Asker) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("ask()", reflect.TypeFor[jobs.Option]())
	return idle{}, err
}

type idle struct{}

func (idle) Start(context.Context) error { return nil }
func (idle) Stop(context.Context) error  { return nil }

type Cashiers struct {
	_ service.Name `service:"cashiers"`

	Entrypoints struct {
		Ask Asker
	}

	Vaults jobs.Client `jobs:"vaults"`
}

func (s *Cashiers) Ask(ctx context.Context, o jobs.Option) error {
	_, err := s.Vaults.Enqueue(ctx, "move", 1, o)
	return err
}
