package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/printable"
)

// A Config is a configuration with its defaults filled in. It does not change once it is read, and
// may be used concurrently.
type Config struct {
	AMQPURI            string        // AMQP_URI: the broker, or several separated by ";"; no default
	AMQPSSL            any           // AMQP_SSL: a value for transport.ReadTLS; no default
	LoginMethod        string        // LOGIN_METHOD: PLAIN, AMQPLAIN or EXTERNAL; no default
	Exchange           string        // rpc_exchange: the exchange of requests and replies; "nameko-rpc"
	MaxWorkers         int           // max_workers: how many calls a service runs at once; 100
	ParentCallsTracked int           // parent_calls_tracked: how many call ids of its callers a call passes on; 10
	Heartbeat          time.Duration // HEARTBEAT: the interval proposed to the broker, in whole seconds; 60 s
	AutoDeleteEvents   bool          // AUTO_DELETE_EVENT_EXCHANGES: exchanges of events are deleted with their last queue
	DeclareEvents      bool          // DECLARE_EVENT_EXCHANGES: exchanges of events are declared; true
	Serializer         string        // serializer: the format of requests, "json" or "msgpack"; json
	Accept             []string      // ACCEPT: the formats that are read; both
	WebAddress         string        // WEB_SERVER_ADDRESS: where HTTP is served; "" is 0.0.0.0:8000
	LogLevel           slog.Level    // LOGGING: the level of root, or otherwise of the logger nameko; INFO

	RPCTimeout        time.Duration // gomeko.rpc_timeout: limit of a call whose context has no deadline; negative is none; 30 s
	StreamParts       int           // gomeko.stream_parts: parts of a stream in flight; 0 is 16
	StreamBytes       int           // gomeko.stream_bytes: bytes of a stream in flight; 0 is 1 MiB
	StreamIdle        time.Duration // gomeko.stream_idle: how long a stream waits for its reader; negative is none; 1 minute
	Grace             time.Duration // gomeko.grace: how long a stop waits for running calls; 25 s
	MaxLent           int           // gomeko.max_lent: calls beyond MaxWorkers while others wait; negative is none; 0 is 10 * MaxWorkers
	MaxMessage        int           // gomeko.max_message: the largest body that is sent, in bytes; 16 MiB
	NilAsNull         bool          // gomeko.nil_as_null: nil slices and maps are sent as null
	Lenient           bool          // gomeko.lenient: members of objects in arguments and payloads may be missing
	CompressOver      int           // gomeko.compress_over: larger bodies are compressed, if the receiver reads that; 0 is never
	MaxDecoded        int           // gomeko.max_decoded: the memory that decoding one body may take; 0 is 8 * MaxMessage
	TypedJSON         bool          // gomeko.typed_json: values without a JSON type are written as kombu 5.3 does
	BroadcastIdentity string        // gomeko.broadcast_identity: names this instance in broadcast queues
	WaitForBroker     time.Duration // gomeko.wait_for_broker: how long a start waits for the broker; no wait
	TopologyCheck     time.Duration // gomeko.topology_check: how often the topology is declared again; negative is never; 1 min
	Retry             string        // gomeko.retry: the delays after which failed events and messages are handled again, 1s 10s*3 10m; none
	DeadKeep          time.Duration // gomeko.dead_keep: how long a parked message is kept; negative is forever; 30 days
	DeadSize          int           // gomeko.dead_size: bytes of messages that a dead queue holds; 1 GiB
	DelayLength       int           // gomeko.delay_length: how many messages a delay queue holds; 100,000
	MaxStuck          int           // gomeko.max_stuck: the process ends when this many methods are stuck; 0 is never
	PauseAfter        int           // gomeko.pause_after: how many calls in a row may fail before a row with retry pauses; negative is no limit; 20
	HealthInterval    time.Duration // gomeko.health_interval: the mean time between two checks of a dependency; 5 s
	HealthTimeout     time.Duration // gomeko.health_timeout: the limit of a check; 3 s
	PauseUnhealthy    bool          // gomeko.pause_unhealthy: services pause while one of their dependencies is failing
	Admin             string        // gomeko.admin: the admin address, host:port or unix:/path; no default
	Control           string        // gomeko.control: "off", "read" or "full"; no default
	GrantKey          string        // gomeko.grant_key: public keys of control panels, in PEM, or @FILE; no default
	Version           string        // gomeko.version: the version of the services; no default
	LogFormat         string        // gomeko.log_format: "text" or "json"; text

	// Values has all keys of the file after substitution, including yours.
	Values map[string]any

	// Variables are the environment variables that the file names, with their defaults. The default of
	// ${NAME} is "".
	Variables map[string]string

	// Warnings describe keys that probably do not do what their author meant, one line each.
	Warnings []string

	root *yaml.Node // the file after substitution
	at   string     // prefix of a line number in messages
}

// Load reads a configuration file, as [Parse] does, with the environment of the process.
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
// all mistakes, one per line, each with its line in the file and its key.
func Parse(data []byte, lookupenv func(name string) (string, bool), sections ...Section) (*Config, error) {
	return parse("line ", data, lookupenv, sections)
}

// parse reads a configuration. at is the prefix of line numbers in messages.
func parse(at string, data []byte, lookupenv func(string) (string, bool), sections []Section) (*Config, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(at, err)
	}
	if len(doc.Content) == 0 {
		doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	e := environment{lookup: lookupenv, at: at, empty: map[*yaml.Node]string{}, named: map[string]string{}}
	e.resolve(doc.Content[0], "", 0)
	if err := errors.Join(e.mistakes...); err != nil {
		return nil, err
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s%d: the top level must have keys, such as AMQP_URI: …", at, root.Line)
	}
	cfg := defaults()
	cfg.Warnings, cfg.Variables = e.warnings, e.named
	cfg.root, cfg.at = root, at
	if err := root.Decode(&cfg.Values); err != nil {
		return nil, syntaxError(at, err)
	}
	r := reader{cfg: cfg, at: at, empty: e.empty, sections: sections}
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
		StreamIdle:         time.Minute,
		Grace:              25 * time.Second,
		MaxMessage:         16 << 20,
		TopologyCheck:      time.Minute,
		DeadKeep:           30 * 24 * time.Hour,
		DeadSize:           1 << 30,
		DelayLength:        100_000,
		PauseAfter:         20,
		HealthInterval:     5 * time.Second,
		HealthTimeout:      3 * time.Second,
		Serializer:         "json",
		LogFormat:          "text",
	}
}

// String returns the configuration as YAML after substitution, with secrets masked and aliases
// resolved. Secrets are the values of keys with names such as password, secret and token, and
// values that look like secrets: passwords in URIs, private keys, tokens. docs/configuration.md
// lists the names and the shapes.
func (c *Config) String() string {
	if c.root == nil || len(c.root.Content) == 0 {
		return ""
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(masked(c.root)), enc.Close()); err != nil {
		return err.Error() + "\n"
	}
	return printable.Lines(b.String()) // the escapes are those of YAML in double quotes
}

// Masked returns Values with secrets masked, as in [Config.String].
func (c *Config) Masked() map[string]any {
	var values map[string]any
	if c.root == nil || masked(c.root).Decode(&values) != nil {
		return nil
	}
	return values
}

// syntaxError returns an error of package yaml in the form of our mistakes. Its parser writes
// "yaml: line 3: text", its decoder a list of "line 3: text".
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
