package mail_test

import (
	"context"
	"testing"

	"github.com/gomeko/gomeko/examples/mail"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Accounts invites people.
type Accounts struct {
	_ service.Name `service:"accounts"`

	Entrypoints struct {
		Invite    rpc.Method `rpc:"invite(address)"`
		Impatient rpc.Method `rpc:"impatient(address)" method:"Invite" timeout:"50ms"`
	}

	Send mail.Sender `mail:"Accounts <accounts@example.org>"`
}

func (a *Accounts) Invite(ctx context.Context, address string) error {
	return a.Send(ctx, mail.Message{To: address, Subject: "Come in", Text: "The door is open."})
}

// A method is tested without container, relay and mock library: the field is a func.
func TestInvite(t *testing.T) {
	t.Parallel()
	var sent []mail.Message
	a := &Accounts{Send: func(_ context.Context, m mail.Message) error {
		sent = append(sent, m)
		return nil
	}}
	if err := a.Invite(t.Context(), "julio@example.org"); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 || sent[0].To != "julio@example.org" {
		t.Errorf("got %v, want a message to Julio", sent)
	}
}

// Alarms shares the connections of Accounts.
type Alarms struct {
	_ service.Name `service:"alarms"`

	Entrypoints struct {
		Raise rpc.Method `rpc:"raise(text)"`
	}

	Send mail.Sender `mail:"alarms@example.org"`
}

func (a *Alarms) Raise(ctx context.Context, text string) error {
	return a.Send(ctx, mail.Message{To: "operator@example.org", Subject: "Alarm", Text: text})
}
