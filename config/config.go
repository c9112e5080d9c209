package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Config is a configuration as it was read, its defaults filled in. It is not
// changed after that, so that several goroutines may read it.
type Config struct {
	AMQPURI            string        // AMQP_URI: the broker, several separated by ";"; "" when nothing names one
	AMQPSSL            any           // AMQP_SSL: what transport.ReadTLS takes; nil when there is none
	LoginMethod        string        // LOGIN_METHOD: PLAIN, AMQPLAIN or EXTERNAL; "" when there is none
	Exchange           string        // rpc_exchange: exchange of requests and replies; "nameko-rpc"
	MaxWorkers         int           // max_workers: calls that a service runs at once; 100
	ParentCallsTracked int           // parent_calls_tracked: call ids of callers that a call hands on; 10
	Heartbeat          time.Duration // HEARTBEAT: interval proposed to the broker, in whole seconds; 60 s
	AutoDeleteEvents   bool          // AUTO_DELETE_EVENT_EXCHANGES: exchanges of events go with the last queue on them
	DeclareEvents      bool          // DECLARE_EVENT_EXCHANGES: exchanges of events are declared; true
	Serializer         string        // serializer: what requests are sent in, "json" or "msgpack"; json
	Accept             []string      // ACCEPT: of these two what is read; both
	WebAddress         string        // WEB_SERVER_ADDRESS: where HTTP is served; "" for 0.0.0.0:8000
	LogLevel           slog.Level    // LOGGING: level of its root, or else of its logger nameko; INFO

	RPCTimeout        time.Duration // gomeko.rpc_timeout: limit of a call that has no other, negative for none; 30 s
	Grace             time.Duration // gomeko.grace: time that running calls get to end at a stop; 25 s
	MaxLent           int           // gomeko.max_lent: calls taken on beyond MaxWorkers while others wait, negative for none; 0 is ten times MaxWorkers
	MaxMessage        int           // gomeko.max_message: largest body sent, in bytes; 16 MiB
	TypedJSON         bool          // gomeko.typed_json: what JSON has no type for is written as kombu 5.3 does
	BroadcastIdentity string        // gomeko.broadcast_identity: stands for this instance in queues of broadcasts
	LogFormat         string        // gomeko.log_format: "text" or "json"; text

	// Values holds every key of the file after substitution, the user's own among them.
	Values map[string]any

	// Warnings are lines about keys that probably do not do what was meant.
	Warnings []string

	root *yaml.Node // the file after substitution
	at   string     // line 3 of it is called at + "3"
}

// Load reads the configuration in a file, as [Parse] does, with the environment of the process.
func Load(path string, sections ...Section) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parse(path+":", data, os.LookupEnv, sections)
}

// Parse reads a configuration: YAML in which ${NAME} and ${NAME:default} are replaced by the
// variables of lookupenv, as Nameko does (see docs/wire/nameko.md, Environment variables). Empty
// data is a configuration of defaults. The sections are decoded into their structs. The error lists
// all mistakes, one a line, each with its line and key.
func Parse(data []byte, lookupenv func(name string) (string, bool), sections ...Section) (*Config, error) {
	return parse("line ", data, lookupenv, sections)
}

// parse calls line 3 of the file at + "3".
func parse(at string, data []byte, lookupenv func(string) (string, bool), sections []Section) (*Config, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(at, err)
	}
	if len(doc.Content) == 0 {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	e := environment{lookup: lookupenv, at: at}
	e.resolve(doc.Content[0], 0)
	if err := errors.Join(e.mistakes...); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s%d: want keys with values at the top level (AMQP_URI: …)", at, root.Line)
	}
	cfg := defaults()
	cfg.root, cfg.at = root, at
	if err := root.Decode(&cfg.Values); err != nil {
		return nil, syntaxError(at, err)
	}
	r := reader{cfg: cfg, at: at, sections: sections}
	r.readTop(root)
	return cfg, errors.Join(r.mistakes...)
}

func defaults() *Config {
	return &Config{
		Exchange:           "nameko-rpc",
		MaxWorkers:         100,
		ParentCallsTracked: 10,
		Heartbeat:          60 * time.Second,
		DeclareEvents:      true,
		RPCTimeout:         30 * time.Second,
		Grace:              25 * time.Second,
		MaxMessage:         16 << 20,
		Serializer:         "json",
		LogFormat:          "text",
	}
}

// String returns the configuration as YAML after substitution, passwords masked: those in URIs and
// in what databases take, and the values of keys that are called password, secret, token and the
// like.
func (c *Config) String() string {
	if c.root == nil || len(c.root.Content) == 0 {
		return ""
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(masked(c.root, false)), enc.Close()); err != nil {
		return err.Error() + "\n"
	}
	return b.String()
}

// syntaxError puts the position first, as every mistake has it: the parser says "yaml: line 3:
// text", the decoder a list of "line 3: text".
func syntaxError(at string, err error) error {
	lines := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		lines = te.Errors
	}
	var mistakes []error
	for _, line := range lines {
		mistakes = append(mistakes, errors.New(at+strings.TrimPrefix(line, "line ")))
	}
	return errors.Join(mistakes...)
}
