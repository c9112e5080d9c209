package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// villain describes itself, and answers, with text that could break a shell.
type villain struct {
	_ service.Name `service:"villain"`

	Entrypoints struct {
		Large rpc.Method `rpc:"large()"`
		Deep  rpc.Method `rpc:"deep(n)"`
		Text  rpc.Method `rpc:"text()"`
	}
}

func (*villain) Docs() service.Docs {
	return service.Docs{Text: hostile, Rows: map[string]service.RowDocs{"Text": {Text: hostile, Errors: []error{rpc.NewError("x.Bad", hostile)}}}}
}

// large items make a result of 15 MB, which is below the limit of a message.
const large = 280_000

func (*villain) Large(context.Context) (json.RawMessage, error) {
	return json.RawMessage("[" + strings.Repeat(`"`+strings.Repeat("x", 49)+`", `, large) + "0]"), nil
}

func (*villain) Deep(_ context.Context, n int) (json.RawMessage, error) {
	return json.RawMessage(strings.Repeat("[", n) + strings.Repeat("]", n)), nil
}

func (*villain) Text(context.Context) (map[string]string, error) {
	return map[string]string{hostile: hostile}, nil
}

// The shell survives huge and deeply nested results, and escapes what services send.
func TestShellHostile(t *testing.T) {
	t.Parallel()
	term := openShell(t, 30, []string{"PAGER="}, new(villain))
	term.enter("help(n.rpc.villain)", `a\x1b[2J\x1b]0;owned\x07`)
	term.wait("\n>>>")
	term.enter("help(n.rpc.villain.text)", `x.Bad: a\x1b[2J`)
	term.wait("\n>>>")
	term.enter("n.rpc.villain.text()", `'a\x1b[2J\x1b]0;owned\x07`)
	term.wait("\n>>>")
	term.enter("table([n.rpc.villain.text()])", `a\x1b[2J`)
	term.wait("\n>>>")
	term.enter("n.rpc.villain.deep(999)", "]]]]]]")
	term.wait("\n>>>")
	term.enter("n.rpc.villain.deep(5000)", "nested deeper than 1000\n>>>")
	term.enter("x = []", ">>>")
	term.enter("for i in range(10000): x = [x]", "...")
	term.enter("", "\n>>>")
	term.enter("len(repr(x)), len(str(table([{'x': x}])))", "(20002, 20004)\n>>>")
	term.enter("x", "]]]]]]")
	term.wait("\n>>>")
	term.enter("large = n.rpc.villain.large() * 4", "large() * 4\n>>>")
	term.enter("len(large), len(repr(large)) > 50000000", fmt.Sprintf("(%d, True)\n>>>", 4*large+4))
	term.typed("large")
	term.press("Enter")
	term.wait(strings.Repeat("x", 49) + "',\n")
	term.press("C-c")
	term.wait("interrupted\n>>>")
	term.enter("'still here'", "\n'still here'\n>>>")
	title := strings.TrimSpace(term.tmux("display-message", "-p", "#{pane_title}"))
	if strings.Contains(title, "owned") {
		t.Errorf("got the title %q: a service has set it", title)
	}
}

// vast answers like a process of a service with 10,000 methods.
func vast(t *testing.T, uri string) {
	t.Helper()
	const instance, key = "vm1/1-a", "describe.vast.vm1/1-a"
	ch := brokertest.Channel(t, uri)
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.ExchangeDeclare(control.Exchange, "topic", true, false, false, false, nil)
	}
	for _, bound := range []string{"ping", "ping.vast", key} {
		if err == nil {
			err = ch.QueueBind(q.Name, bound, control.Exchange, false, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	questions, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]contract.Row, 10_000)
	for i := range rows {
		name := fmt.Sprintf("method_%04d", i)
		rows[i] = contract.Row{Kind: "rpc", Name: name, Call: name, Signature: name + "()", Doc: strings.Repeat("long ", 20)}
	}
	described := map[string]any{"services": []any{contract.Document{Service: "vast", Rows: rows}}}
	go func() {
		for d := range questions { // until the channel is closed
			answer := map[string]any{"schema": control.SchemaOf(control.Ping), "instance": instance, "services": []any{map[string]any{"name": "vast"}}}
			if d.RoutingKey == key {
				answer["schema"], answer["answer"] = control.SchemaOf(control.Describe), described
			}
			body, err := json.Marshal(answer)
			if err == nil {
				err = ch.Publish("", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId, Body: body})
			}
			if err != nil {
				t.Error(err)
			}
		}
	}()
}

// A service with 10,000 methods can be completed and described.
func TestShellManyMethods(t *testing.T) {
	t.Parallel()
	uri := brokertest.Embedded(t)
	vast(t, uri)
	term := openTerminal(t, 30, []string{"PAGER="}, "shell", "--broker", uri)
	term.wait("\n>>>")
	term.enter("help(n.rpc.vast)", "method_9999()  long")
	term.wait("\n>>>")
	term.typed("n.rpc.vast.") // help has learned the methods
	term.complete("n.rpc.vast.method_")
	term.complete("Display all 10000 possibilities? (y or n)")
	term.typed("n")
	term.press("C-u")
	term.enter("'still here'", "\n'still here'\n>>>")
}
