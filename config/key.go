package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A key is a known key of the configuration, with its row in docs/configuration.md.
type key struct {
	name     string
	standing standing
	fallback string // the default in YAML
	does     string // its effect, or why it has none
	read     func(r *reader, v any) error
}

// A standing says whether one of Nameko's keys has an effect here.
type standing string

const (
	honoured standing = "honoured"
	mapped   standing = "mapped"       // to an equivalent
	ignored  standing = "warned about" // without effect
)

// namekoKeys are the keys at the top level: see docs/wire/nameko.md, Configuration.
func namekoKeys() []key {
	return []key{
		{"AMQP_URI", honoured, "", "URI of the broker: `amqp://`, `amqps://` or `pyamqp://`. Several URIs, as a list or separated by `;`, are tried in turn.", readURI},
		{"AMQP_SSL", honoured, "", "TLS to the broker: `true`, or an object with `ca_certs`, `certfile`, `keyfile`, `server_hostname`, `cert_reqs`. The broker's name is checked unless `cert_reqs` is `CERT_NONE`.", readSSL},
		{"LOGIN_METHOD", honoured, "PLAIN", "`PLAIN`, `AMQPLAIN`, or `EXTERNAL`, which uses the client's certificate.", func(r *reader, v any) error { return text(&r.cfg.LoginMethod, v) }},
		{"HEARTBEAT", honoured, "60", "Seconds between heartbeats, as proposed to the broker, on every connection (in Nameko, only on those that consume). 0 is a warning and has no effect: without heartbeats, a connection can be dead for hours before anybody notices.", readHeartbeat},
		{"TRANSPORT_OPTIONS", ignored, "", "gomeko reconnects until the broker is back", nil},
		{"rpc_exchange", honoured, "nameko-rpc", "The exchange of requests and replies.", func(r *reader, v any) error { return text(&r.cfg.Exchange, v) }},
		{"max_workers", honoured, "100", "How many calls a service runs at once, and its prefetch. Nameko's default is 10. 0 means the default, as in Nameko.", readMaxWorkers},
		{"PREFETCH_COUNT", ignored, "", "the prefetch is max_workers", nil},
		{"parent_calls_tracked", honoured, "10", "How many call ids of its callers a call sends on, in addition to its own.", readParents},
		{"serializer", honoured, "json", "The format in which requests, events and messages are sent: `json` or `msgpack`. `pickle` is refused, because reading it runs code of the sender.", readSerializer},
		{"ACCEPT", honoured, "[json, msgpack]", "The formats that are read. A reply has the format of its request. Nameko's default is `serializer` only. `pickle` is refused, and other formats are a warning.", readAccept},
		{"SERIALIZERS", ignored, "", "its values are Python functions", nil},
		{"LOGGING", mapped, "INFO", "The level of `root`, or otherwise of the logger `nameko`, is the log's level. Logs go to stderr; handlers that write elsewhere and levels of other loggers are a warning. The flag `--log-level` overrides it.", readLogging},
		{"SERVICE_CONTAINER_CLS", ignored, "", "its value is a Python class", nil},
		{"WEB_SERVER_ADDRESS", honoured, "0.0.0.0:8000", "Where HTTP is served: `host:port`, or only a port. Port 0 selects a free port, which is printed at start.", readAddress},
		{"AUTO_DELETE_EVENT_EXCHANGES", honoured, "false", "Exchanges of events are deleted with the last queue that is bound to them, as in Nameko 2.12 and older, and in 3.0.0rc. All services that declare an exchange must agree.", func(r *reader, v any) error { return truth(&r.cfg.AutoDeleteEvents, v) }},
		{"DECLARE_EVENT_EXCHANGES", honoured, "true", "Exchanges of events are declared. Use `false` if the broker's user has no permission to declare; a missing exchange is then an error at start.", func(r *reader, v any) error { return truth(&r.cfg.DeclareEvents, v) }},
		{"gomeko", honoured, "", "The keys of the second table.", (*reader).readOwn},
	}
}

// ownKeys are the keys under gomeko.
func ownKeys() []key {
	return []key{
		{"rpc_timeout", honoured, "30s", "Timeout of a call whose context has no deadline. `none` lets such a call wait forever, as in Nameko.", func(r *reader, v any) error { return limit(&r.cfg.RPCTimeout, v) }},
		{"stream_parts", honoured, "16", "How many messages of a stream may be in flight to its reader before the method waits. See [Streams](streams.md#what-if-the-reader-is-slow).", func(r *reader, v any) error { return whole(&r.cfg.StreamParts, v, 1) }},
		{"stream_bytes", honoured, "1048576", "How many bytes of a stream may be in flight to its reader before the method waits.", func(r *reader, v any) error { return whole(&r.cfg.StreamBytes, v, 1) }},
		{"stream_idle", honoured, "1m", "How long a stream waits for a reader that reads nothing. After that it ends with an error and frees its worker. With `none` there is no limit.", func(r *reader, v any) error { return limit(&r.cfg.StreamIdle, v) }},
		{"grace", honoured, "25s", "How long a stopping process waits for running calls.", func(r *reader, v any) error { return duration(&r.cfg.Grace, v) }},
		{"max_lent", honoured, "10 × max_workers", "How many calls a service takes on beyond `max_workers` while running calls wait for calls that they made. With 0, a service that calls itself deeper than it has workers waits until its calls time out.", readMaxLent},
		{"max_message", honoured, "16777216", "Largest body that is sent, in bytes. Larger requests, events and messages are not accepted either, even if only their decompressed body is larger.", func(r *reader, v any) error { return whole(&r.cfg.MaxMessage, v, 1) }},
		{"max_decoded", honoured, "8 × max_message", "Memory, in bytes, that the body of one request, reply, event or message may take once decompressed and decoded; a body that would take more is refused. A small body can decode to gigabytes.", func(r *reader, v any) error { return whole(&r.cfg.MaxDecoded, v, 1) }},
		{"compress_over", honoured, "none", "Bodies over this size, such as `32KiB`, are compressed with zlib: requests, replies to callers that have this key too, events, messages, jobs, streams and the hub's events. Set it only if every receiver can read compressed bodies, [as gomeko and Nameko do](wire/nameko.md#compression).", func(r *reader, v any) error { return size(&r.cfg.CompressOver, v) }},
		{"typed_json", honoured, "false", "Writes dates and times, decimals, UUIDs and bytes as kombu 5.3 and later does, `{\"__type__\": …, \"__value__\": …}`. Earlier versions read these as dicts. Both forms are always read.", func(r *reader, v any) error { return truth(&r.cfg.TypedJSON, v) }},
		{"nil_as_null", honoured, "false", "Sends nil slices and maps as null, as Go's `encoding/json` does. By default [they are `[]` and `{}`](values.md#what-becomes-of-a-nil-slice).", func(r *reader, v any) error { return truth(&r.cfg.NilAsNull, v) }},
		{"lenient", honoured, "false", "Lets members of objects in arguments, payloads and request bodies be missing; they get the zero value. By default [they are required](values.md#which-members-of-an-object-are-required). The tag `lenient:\"true\"` allows it for one row.", func(r *reader, v any) error { return truth(&r.cfg.Lenient, v) }},
		{"broadcast_identity", honoured, "", "Identifies this instance in the names of broadcast queues, for example `${HOSTNAME}`. Reliable broadcast handlers need it to find their queue after a restart.", func(r *reader, v any) error { return text(&r.cfg.BroadcastIdentity, v) }},
		{"web", honoured, "", "The keys of the third table.", (*reader).readSection},
		{"broker", honoured, "", "The keys of the fourth table, for `gomeko broker`.", (*reader).readSection},
		{"jobs", honoured, "", "The keys of the fifth table.", (*reader).readSection},
		{"panel", honoured, "", "The keys of the sixth table, for `gomeko panel`.", (*reader).readSection},
		{"wait_for_broker", honoured, "0s", "How long starting services wait for a broker that is not reachable yet, for containers that start in any order. With 0s, the start fails at once.", func(r *reader, v any) error { return duration(&r.cfg.WaitForBroker, v) }},
		{"topology_check", honoured, "1m", "How often exchanges, queues and bindings are declared again, in case somebody has deleted them at the broker. `none` disables this. If a publish shows that one is missing, they are declared at once.", func(r *reader, v any) error { return limit(&r.cfg.TopologyCheck, v) }},
		{"retry", honoured, "", "Delays after which a failed event or message is handled again, such as `1s 10s*3 10m`, before it is parked. It is the default of the rows' key `retry`; see [failures](failures.md). Without it, a failed message is acknowledged, as in Nameko.", func(r *reader, v any) error { return text(&r.cfg.Retry, v) }},
		{"pause_after", honoured, "20", "How many calls in a row may fail before a row with `retry` pauses. It then tries one message from time to time, and resumes when one succeeds. `none` disables this. See [Operating](operating.md#why-is-a-row-paused).", readPauseAfter},
		{"max_stuck", honoured, "none", "When this many methods have not returned 5 s after their timeout, the process drains and exits with status 4, so that its supervisor restarts it. See [What if a method hangs?](failures.md#what-if-a-method-hangs)", readMaxStuck},
		{"dead_keep", honoured, "30d", "How long a parked message is kept in its dead queue, at most `49d`. `none` keeps it until it is replayed or dropped. A change affects only messages that are parked after it.", readDeadKeep},
		{"dead_size", honoured, "1073741824", "Capacity of a dead queue in bytes of messages. When it is full, no message is lost: those that fail stay where they are. A change affects only queues that are created after it; a policy can lower it.", func(r *reader, v any) error { return whole(&r.cfg.DeadSize, v, 1) }},
		{"delay_length", honoured, "100000", "Capacity of a delay queue in messages; there is one delay queue for each delay of each queue. When it is full, messages that fail stay where they are. A change affects only queues that are created after it; a policy can lower it.", func(r *reader, v any) error { return whole(&r.cfg.DelayLength, v, 1) }},
		{"health_interval", honoured, "5s", "Mean time between two checks of a dependency that has the method `Health`, randomly up to a quarter more or less. See [Operating](operating.md#when-is-a-process-well).", func(r *reader, v any) error { return positive(&r.cfg.HealthInterval, v) }},
		{"health_timeout", honoured, "3s", "Timeout of one check of a dependency.", func(r *reader, v any) error { return positive(&r.cfg.HealthTimeout, v) }},
		{"pause_unhealthy", honoured, "false", "Services that use a failing dependency stop consuming events, messages and jobs until it works again, and answer calls with `Unavailable`. See [Operating](operating.md#what-does-pause_unhealthy-do).", func(r *reader, v any) error { return truth(&r.cfg.PauseUnhealthy, v) }},
		{"admin", honoured, "", "Address for operators, separate from `WEB_SERVER_ADDRESS`: `host:port` on loopback, or `unix:/path` for a socket with mode 0600. See [Operating](operating.md#what-does-the-admin-address-serve). By default there is none.", readAdmin},
		{"control", honoured, "read, or full with an embedded broker", "What the process answers over the broker: `off`, `read` (who it is, what its services do, statistics, health) or `full` (running calls with their stacks, and changes of the log level). See [the verbs](wire/control.md).", readControl},
		{"grant_key", honoured, "", "Public keys of [control panels](security.md#who-may-run-a-row-with-allow), in PEM, or `@FILE`. Rows with `allow` then refuse calls and jobs without a grant signed by one of these keys. Without this key they accept all of them, and starting such rows logs a warning.", func(r *reader, v any) error { return text(&r.cfg.GrantKey, v) }},
		{"version", honoured, "that of the module", "Version of the services, as `gomeko services` shows it, for example `${GIT_COMMIT}`. The default is the version of each service's module, as recorded by `go build`.", func(r *reader, v any) error { return text(&r.cfg.Version, v) }},
		{"log_format", honoured, "text", "`text` or `json`. The flag `--log-format` overrides it.", readLogFormat},
	}
}

// readAddress accepts host:port or a port alone, as Nameko does, and IPv6 hosts in brackets.
func readAddress(r *reader, v any) error {
	address := fmt.Sprint(v)
	port := address
	if host, after, err := net.SplitHostPort(address); err == nil {
		port = after
		address = net.JoinHostPort(host, port)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("must be host:port or a port, not %s", show(v))
	}
	r.cfg.WebAddress = address
	return nil
}

// readAdmin accepts host:port, or unix: and a path.
func readAdmin(r *reader, v any) error {
	address, _ := v.(string)
	path, isPath := strings.CutPrefix(address, "unix:")
	if _, _, err := net.SplitHostPort(address); isPath && path == "" || strings.HasPrefix(path, "@") || !isPath && err != nil {
		return fmt.Errorf("must be host:port or unix:/path, as in 127.0.0.1:9090, not %s", show(v))
	}
	r.cfg.Admin = address
	return nil
}

// readURI accepts a list too, as kombu does.
func readURI(r *reader, v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	uris := make([]string, len(list))
	for i := range list {
		uri, ok := list[i].(string)
		if !ok || !schemes.MatchString(uri) {
			return fmt.Errorf("must be a URI with the scheme amqp, amqps or pyamqp, as in %s, not %s", exampleURI, show(list[i]))
		}
		uris[i] = uri
	}
	if len(uris) == 0 {
		return errors.New("is an empty list: write the broker's URI, as in " + exampleURI)
	}
	r.cfg.AMQPURI = strings.Join(uris, ";")
	return nil
}

// exampleURI is the form of a broker's URI.
const exampleURI = "amqp://user:password@host:5672/vhost"

var schemes = regexp.MustCompile(`^(?i)\s*(amqps?|pyamqp)://`)

func readSSL(r *reader, v any) error {
	switch v.(type) {
	case bool, map[string]any:
		r.cfg.AMQPSSL = v
		return nil
	}
	return fmt.Errorf("must be true, or have keys such as ca_certs, certfile and keyfile under it, not %s", show(v))
}

// readMaxWorkers accepts 0 for the default, as Nameko does.
func readMaxWorkers(r *reader, v any) error {
	if v == 0 {
		return nil
	}
	return whole(&r.cfg.MaxWorkers, v, 1)
}

// readMaxLent stores 0 as -1, because 0 in a Config means the default.
func readMaxLent(r *reader, v any) error {
	err := whole(&r.cfg.MaxLent, v, 0)
	if err == nil && r.cfg.MaxLent == 0 {
		r.cfg.MaxLent = -1
	}
	return err
}

func readParents(r *reader, v any) error { return whole(&r.cfg.ParentCallsTracked, v, 0) }

// maxHeartbeat is the longest heartbeat: AMQP has 16 bits for its seconds.
const maxHeartbeat = math.MaxUint16 * time.Second

func readHeartbeat(r *reader, v any) error {
	var d time.Duration
	if err := duration(&d, v); err != nil {
		return err
	}
	switch {
	case d == 0:
		r.warn("0 has no effect: without heartbeats a connection may be dead for hours unnoticed")
		return nil
	case d%time.Second != 0:
		return fmt.Errorf("must be whole seconds, not %s", show(v))
	case d > maxHeartbeat:
		return fmt.Errorf("must be at most %d seconds, not %s", maxHeartbeat/time.Second, show(v))
	}
	r.cfg.Heartbeat = d
	return nil
}

// maxDeadKeep is the longest time that RabbitMQ keeps a message which expires, in whole days.
const maxDeadKeep = 49 * 24 * time.Hour

func readDeadKeep(r *reader, v any) error {
	err := limit(&r.cfg.DeadKeep, v)
	if err == nil && r.cfg.DeadKeep > maxDeadKeep {
		return fmt.Errorf("must be at most 49d, or none to keep parked messages without end, not %s", show(v))
	}
	return err
}

// limit reads a duration, or the word none as -1.
func limit(dst *time.Duration, v any) error {
	if v == "none" {
		*dst = -1
		return nil
	}
	if err := duration(dst, v); err != nil {
		return err
	}
	if *dst == 0 {
		return errors.New("must be more than 0, or none for no limit")
	}
	return nil
}

// positive reads a duration of more than 0.
func positive(dst *time.Duration, v any) error {
	var d time.Duration
	if err := duration(&d, v); err != nil {
		return err
	}
	if d == 0 {
		return errors.New("must be more than 0")
	}
	*dst = d
	return nil
}

// readMaxStuck stores none as 0.
func readMaxStuck(r *reader, v any) error {
	if v == "none" {
		r.cfg.MaxStuck = 0
		return nil
	}
	if err := whole(&r.cfg.MaxStuck, v, 0); err != nil {
		return fmt.Errorf("%w, or none", err)
	}
	return nil
}

// readPauseAfter stores none as -1.
func readPauseAfter(r *reader, v any) error {
	if v == "none" {
		r.cfg.PauseAfter = -1
		return nil
	}
	if err := whole(&r.cfg.PauseAfter, v, 1); err != nil {
		return fmt.Errorf("%w, or none", err)
	}
	return nil
}

var errPickle = errors.New("pickle is not supported, because reading it runs code of the sender: use json or msgpack")

func readSerializer(r *reader, v any) error {
	switch v {
	case "json", "msgpack":
		return text(&r.cfg.Serializer, v)
	case "pickle":
		return errPickle
	}
	return fmt.Errorf("must be json or msgpack, not %s", show(v))
}

func readAccept(r *reader, v any) error {
	accept, _ := v.([]any)
	for _, name := range accept {
		switch name {
		case "json", "msgpack":
			r.cfg.Accept = append(r.cfg.Accept, name.(string))
		case "pickle":
			return errPickle
		default:
			r.warn(show(name) + " is not supported: json and msgpack are")
		}
	}
	if len(r.cfg.Accept) == 0 {
		return fmt.Errorf("must be a list of json, msgpack or both, not %s", show(v))
	}
	return nil
}

func readControl(r *reader, v any) error {
	if v == false { // off, as YAML 1.1 reads it
		v = "off"
	}
	if v != "off" && v != "read" && v != "full" {
		return fmt.Errorf("must be off, read or full, not %s", show(v))
	}
	r.cfg.Control = v.(string)
	return nil
}

func readLogFormat(r *reader, v any) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("must be text or json, not %s", show(v))
	}
	r.cfg.LogFormat = v.(string)
	return nil
}
