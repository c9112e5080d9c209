package events_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Wrong has one mistake in each row.
type Wrong struct {
	_ service.Name `service:"wrong"`

	Entrypoints struct {
		NoDot       events.Handler `events:"user_deleted" method:"On"`
		Ambiguous   events.Handler `events:"a.b.user.deleted" method:"On"`
		Empty       events.Handler `method:"On"`
		NoType      events.Handler `events:"users." method:"On"`
		Words       events.Handler `events:"users user deleted" method:"On"`
		Anybody     events.Handler `events:"*.user_deleted" method:"On"`
		Control     events.Handler `events:"us\x00ers.user_deleted" method:"On"`
		Pattern     events.Handler `events:"users.user_*" method:"On"`
		Delivery    events.Handler `events:"users.a" delivery:"everyone" method:"On"`
		Reliable    events.Handler `events:"users.b" reliable:"no" method:"On"`
		Requeue     events.Handler `events:"users.c" requeue:"twice" method:"On"`
		Ladder      events.Handler `events:"users.o" retry:"1s 10" method:"On"`
		Both        events.Handler `events:"users.p" retry:"1s" requeue:"true" method:"On"`
		Early       events.Handler `events:"users.q" retry:"1s" ack:"early" method:"On"`
		EarlyToo    events.Handler `events:"users.r" requeue:"true" ack:"early" method:"On"`
		Ack         events.Handler `events:"users.s" ack:"late" method:"On"`
		Key         events.Handler `events:"users.d" reliably:"false" method:"On"`
		Broadcast   events.Handler `events:"users.e" delivery:"broadcast" method:"On"`
		Missing     events.Handler `events:"users.f"`
		Two         events.Handler `events:"users.g"`
		Swapped     events.Handler `events:"users.i"`
		Bare        events.Handler `events:"users.j"`
		Contextless events.Handler `events:"users.k"`
		Mute        events.Handler `events:"users.l"`
		Typed       events.Handler `events:"users.m"`
		TypedToo    events.Handler `events:"users.n"`
		Lossy       events.Handler `events:"users.h" delivery:"singleton" method:"On"`
		Lossless    events.Handler `events:"users.h" delivery:"singleton" reliable:"false" method:"On"`
	}

	Dispatch events.Dispatcher `mandatory:"maybe" exchange:"x"`
}

func (*Wrong) On(context.Context, user) error                                 { return nil }
func (*Wrong) Swapped(context.Context, user, events.Event) error              { return nil }
func (*Wrong) Bare(context.Context) error                                     { return nil }
func (*Wrong) Contextless(user, events.Event) error                           { return nil }
func (*Wrong) Mute(context.Context, events.Event, user)                       {}
func (*Wrong) Typed(context.Context, struct{ Done chan int }) (func(), error) { return nil, nil }
func (*Wrong) TypedToo(context.Context, events.Event, func()) error           { return nil }
func (*Wrong) Two(context.Context, string, user) error                        { return nil }

// TestMistakes expects every mistake at once, with its row and its remedy.
func TestMistakes(t *testing.T) {
	broker := transport.Config{URI: "amqp://localhost"}
	_, err := service.New(service.Config{}, new(Wrong), service.Configure(broker))
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		`NoDot: "user_deleted" does not name an event: write service and type, as in events:"users.user_deleted"`,
		`Ambiguous: "a.b.user.deleted" has several dots, so service and type are unclear: write events:"a b.user.deleted" or events:"a.b user.deleted" or events:"a.b.user deleted"`,
		`Empty: "" does not name an event`,
		`NoType: "users." does not name an event`,
		`Words: "users user deleted" does not name an event`,
		`Anybody: service "*" is a pattern: only the type can be one, because each service has its own exchange`,
		`Control: "us\x00ers" cannot be the name of a service, since it contains '\x00': write a name such as us_ers`,
		`Pattern: type "user_*" would match nothing: * stands for one whole word between dots, # for any number of words, and "user_*" mixes them with letters`,
		`Delivery: delivery "everyone" is not known: write "pool", "singleton" or "broadcast"`,
		`Reliable: reliable: must be "true" or "false", not "no"`,
		`Requeue: requeue: must be "true" or "false", not "twice"`,
		`Ladder: retry: "10" has no unit: write 10s or 10ms, as in retry:"1s 10s*3 10m"`,
		`Both: retry and requeue contradict each other: remove requeue to try again after the delays of retry, or remove retry to try again without end`,
		`Early: retry has no meaning with ack:"early", because the message is acknowledged before the call: remove one of them`,
		`EarlyToo: requeue has no meaning with ack:"early", because the message is acknowledged before the call: remove one of them`,
		`Ack: ack "late" is not known: write ack:"early" to acknowledge messages before their calls, or omit ack`,
		`Key: unknown key reliably in its tag: did you mean reliable?`,
		`Broadcast: a reliable broadcast needs an identity that outlives a restart: set gomeko.broadcast_identity in the configuration (events.Config.Identity), or write reliable:"false"`,
		`Missing: no such method: add func`,
		`Two: Two takes (string, events_test.user) after ctx, and must take one payload: write Two(ctx context.Context, payload T) error; events.Event may stand before the payload, or in its place`,
		`Swapped: Swapped takes (events_test.user, events.Event) after ctx, and must take one payload: write Swapped(ctx`,
		`Bare: Bare takes no parameter after ctx, and must take one payload: write Bare(ctx`,
		`Contextless: the first parameter of Contextless must be context.Context: write func (w *Wrong) Contextless(ctx`,
		`Mute: Mute must return error or (T, error): write func (w *Wrong) Mute(ctx`,
		`Typed: parameter payload.Done is a chan int, which cannot be decoded: tag it json:"-"`,
		`TypedToo: parameter payload is a func(), which cannot be decoded: use a type that holds data`,
		`Lossless: queue "evt-users-h" is declared with other flags by Lossy of wrong (durable=true auto_delete=false exclusive=false; here durable=true auto_delete=true exclusive=false): make them the same`,
		`Dispatch: unknown key exchange in its tag: known keys: mandatory`,
		`Dispatch: mandatory: must be "true" or "false", not "maybe"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got\n%v\nwant %s in it", err, want)
		}
	}
}
