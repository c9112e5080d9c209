package runner

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/rpc"
)

// languages are the languages in which payload can print code.
var languages = []string{"curl", "python", "php"}

func (j *jobsCommand) payloadCommand() *cobra.Command {
	var language string
	cmd := &cobra.Command{
		Use:   "payload SERVICE.NAME [ARG…] [KEY=VALUE…]",
		Short: "Print the message of a job, and code that publishes it",
		Long: "Print the message of a job, and code that publishes it with curl, in Python and in PHP.\n\n" +
			"Whoever can publish the message enqueues the job: no database and no library of ours is needed. Arguments are\n" +
			"written as for gomeko call. Nothing is sent.",
		Args: func(cmd *cobra.Command, args []string) error { _, _, err := jobArgument(cmd, args); return err },
		RunE: func(cmd *cobra.Command, args []string) error {
			service, name, err := jobArgument(cmd, args)
			if err != nil {
				return err
			}
			p, err := newJobPayload(service, name, arguments(args[1:]))
			if err != nil {
				return err
			}
			if s, err := j.configuration(); err != nil {
				return err
			} else if u, err := url.Parse(s.brokerURI(j.brokerFlag)); err == nil && strings.Trim(u.Path, "/") != "" {
				p.VHost = url.PathEscape(strings.TrimPrefix(u.Path, "/"))
			}
			text, ok := payloadCode[language]
			if !ok {
				return usagef("--for %q: must be %s", language, strings.Join(languages, ", "))
			}
			return p.print(j.out, text)
		},
	}
	cmd.Flags().StringVar(&language, "for", "", "print only the code for this `LANGUAGE`: "+strings.Join(languages, ", "))
	return cmd
}

// A jobPayload is the message of a job, for code templates.
type jobPayload struct {
	ID, Service, Key, Body string
	VHost                  string // escaped for a URL's path
}

func newJobPayload(service, name string, args []any) (jobPayload, error) {
	body := struct {
		Args   []any `json:"args"`
		Kwargs any   `json:"kwargs"`
	}{[]any{}, rpc.Kwargs(nil)}
	if last := len(args) - 1; last >= 0 {
		if named, ok := args[last].(rpc.Kwargs); ok {
			args, body.Kwargs = args[:last], named
		}
	}
	body.Args = append(body.Args, args...)
	text, err := codec.JSON.Encode(body)
	return jobPayload{ID: id.Ordered(), Service: service, Key: service + "." + name, Body: string(text), VHost: "%2F"}, err
}

// print prints a template.
func (p jobPayload) print(out io.Writer, text string) error {
	functions := template.FuncMap{"json": quoteJSON, "shell": quoteShell, "php": quotePHP}
	t, err := template.New("").Funcs(functions).Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return err
	}
	_, err = io.WriteString(printable.NewWriter(out, printable.Lines), b.String())
	return err
}

// quoteJSON returns a JSON literal, which is also valid in Python.
func quoteJSON(s string) (string, error) {
	text, err := json.Marshal(s) // also escapes <, > and &, which every reader accepts
	return string(text), err
}

// quoteShell quotes an argument for a shell.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quotePHP returns a PHP string literal.
func quotePHP(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// publishBody returns the body of a request to the management API.
func (p jobPayload) publishBody() (string, error) {
	text, err := codec.JSON.Encode(map[string]any{
		"routing_key": p.Key, "payload": p.Body, "payload_encoding": "string",
		"properties": map[string]any{
			"message_id": p.ID, "content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2,
		},
	})
	return string(text), err
}

// Curl returns the body of a request to the management API, quoted for a shell.
func (p jobPayload) Curl() (string, error) {
	text, err := p.publishBody()
	return quoteShell(text), err
}

// payloadCode maps each language to its template; "" is all of them.
var payloadCode = map[string]string{
	"curl":   curlCode,
	"python": pythonCode,
	"php":    phpCode,
	"": messageText + "\n# With curl, over the management API. It says success for a message that no queue has: look at routed.\n" + curlCode +
		"\n# In Python, with kombu.\n" + pythonCode + "\n// In PHP, with php-amqplib.\n" + phpCode,
}

const messageText = `exchange          gomeko.jobs
routing key       {{.Key}}
mandatory         yes: without it, a message that no queue has is lost
message_id        {{.ID}} (the job's ID: a new one for each job; the same one is not run twice)
content_type      application/json
content_encoding  utf-8
delivery_mode     2
body              {{.Body}}
`

const curlCode = `curl -sS -X POST -H 'Content-Type: application/json' \
  "${GOMEKO_MANAGEMENT:-http://guest:guest@localhost:15672}/api/exchanges/{{.VHost}}/gomeko.jobs/publish" \
  -d {{.Curl}} |
  grep '"routed": *true' || { echo 'not enqueued: the exchange does not exist, or no queue has the message' >&2; exit 1; }
`

const pythonCode = `import os

import kombu

uri = os.environ.get("AMQP_URI", "amqp://guest:guest@localhost:5672//")
with kombu.Connection(uri, transport_options={"confirm_publish": True}) as connection:
    connection.Producer().publish(
        {{json .Body}},
        exchange="gomeko.jobs", routing_key={{json .Key}}, mandatory=True,
        message_id={{json .ID}}, delivery_mode=2,
        content_type="application/json", content_encoding="utf-8",
    )
`

const phpCode = `<?php
require 'vendor/autoload.php';
$uri = parse_url(getenv('AMQP_URI') ?: 'amqp://guest:guest@localhost:5672//');
$connection = new PhpAmqpLib\Connection\AMQPStreamConnection(
    $uri['host'], $uri['port'] ?? 5672, rawurldecode($uri['user'] ?? 'guest'), rawurldecode($uri['pass'] ?? 'guest'),
    rawurldecode(substr($uri['path'] ?? '', 1)) ?: '/',
);
$channel = $connection->channel();
$channel->confirm_select();
$channel->set_nack_handler(fn () => throw new RuntimeException('not enqueued: the broker has refused the message'));
$channel->set_return_listener(fn ($code, $text) => throw new RuntimeException("not enqueued: no queue has the message: $text"));
$channel->basic_publish(new PhpAmqpLib\Message\AMQPMessage({{php .Body}}, [
    'message_id' => {{php .ID}}, 'delivery_mode' => 2,
    'content_type' => 'application/json', 'content_encoding' => 'utf-8',
]), 'gomeko.jobs', {{php .Key}}, true);
$channel->wait_for_pending_acks_returns();
$connection->close();
`
