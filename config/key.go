package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// A key is a key of the configuration: how it is read, and what the documentation's table says of it.
type key struct {
	name     string
	standing standing
	fallback string // the default, as it would be written
	does     string // what it does here, or why it does nothing
	read     func(r *reader, v any) error
}

// A standing is what becomes here of a key of Nameko's.
type standing string

const (
	honoured standing = "honoured"
	mapped   standing = "mapped"       // to what there is in its place
	ignored  standing = "warned about" // it has no effect
)

// namekoKeys are the keys at the top level: see docs/wire/nameko.md, Configuration.
func namekoKeys() []key {
	return []key{
		{"AMQP_URI", honoured, "", "The broker: `amqp://`, `amqps://` or `pyamqp://`. Several, as a list or separated by `;`, are tried in turn.", readURI},
		{"AMQP_SSL", honoured, "", "TLS to the broker: `true`, or `ca_certs`, `certfile`, `keyfile`, `server_hostname`, `cert_reqs` under it. The broker's name is always checked, unless `cert_reqs` is `CERT_NONE`.", readSSL},
		{"LOGIN_METHOD", honoured, "PLAIN", "`PLAIN`, `AMQPLAIN`, or `EXTERNAL`, by the client's certificate.", func(r *reader, v any) error { return text(&r.cfg.LoginMethod, v) }},
		{"HEARTBEAT", honoured, "60", "Seconds between heartbeats proposed to the broker, on every connection (Nameko: on those that consume). 0 is warned about: a connection without them may be dead for hours unnoticed.", readHeartbeat},
		{"TRANSPORT_OPTIONS", ignored, "", "kombu's retries: a broker that is gone is dialled until it is back", nil},
		{"rpc_exchange", honoured, "nameko-rpc", "The exchange of requests and replies.", func(r *reader, v any) error { return text(&r.cfg.Exchange, v) }},
		{"max_workers", honoured, "100", "Calls that a service runs at once, and its prefetch. Nameko's default is 10; 0 is the default, as in Nameko.", readMaxWorkers},
		{"PREFETCH_COUNT", ignored, "", "the prefetch is max_workers", nil},
		{"parent_calls_tracked", honoured, "10", "Call ids of callers that a call hands on beside its own.", readParents},
		{"serializer", honoured, "json", "What requests, events and messages are sent in: `json` or `msgpack`. `pickle` is refused: reading it runs what the sender wants.", readSerializer},
		{"ACCEPT", honoured, "[json, msgpack]", "What is read; a request is answered in what it came in. Nameko's default is `serializer` alone. `pickle` in it is refused, others than these two are warned about.", readAccept},
		{"SERIALIZERS", ignored, "", "it names Python functions", nil},
		{"LOGGING", mapped, "INFO", "The level of `root`, or else of the logger `nameko`, is that of the log. Logs go to stderr; handlers that write elsewhere and levels of further loggers are warned about. The flag `--log-level` wins.", readLogging},
		{"SERVICE_CONTAINER_CLS", ignored, "", "it names a Python class", nil},
		{"WEB_SERVER_ADDRESS", honoured, "0.0.0.0:8000", "Where HTTP is served: `host:port`, or a port alone. Port 0 is any that is free; what it is is printed at the start.", readAddress},
		{"AUTO_DELETE_EVENT_EXCHANGES", honoured, "false", "Exchanges of events are deleted with the last queue on them, as those of Nameko 2.12 and older are: all who declare one must agree.", func(r *reader, v any) error { return truth(&r.cfg.AutoDeleteEvents, v) }},
		{"DECLARE_EVENT_EXCHANGES", honoured, "true", "Exchanges of events are declared; `false` where the user may not: one that is missing is an error of the start.", func(r *reader, v any) error { return truth(&r.cfg.DeclareEvents, v) }},
		{"gomeko", honoured, "", "The keys of the second table.", (*reader).readOwn},
	}
}

// ownKeys are the keys under gomeko.
func ownKeys() []key {
	return []key{
		{"rpc_timeout", honoured, "30s", "Limit of a call that has no other; `none` for a call that may wait for ever, as all do in Nameko.", func(r *reader, v any) error { return limit(&r.cfg.RPCTimeout, v) }},
		{"grace", honoured, "25s", "What running calls get to end when the process stops.", func(r *reader, v any) error { return duration(&r.cfg.Grace, v) }},
		{"max_lent", honoured, "10 × max_workers", "Calls of a service taken on beyond `max_workers` while others wait for calls of their own; 0 for none: then a service that calls itself deeper than it has workers waits until its calls time out.", readMaxLent},
		{"max_message", honoured, "16777216", "Largest body sent, in bytes.", func(r *reader, v any) error { return whole(&r.cfg.MaxMessage, v, 1) }},
		{"typed_json", honoured, "false", "Dates and times, decimals, UUIDs and bytes are written as kombu 5.3 and newer writes them, `{\"__type__\": …, \"__value__\": …}`, which to older ones are dicts. They are read either way.", func(r *reader, v any) error { return truth(&r.cfg.TypedJSON, v) }},
		{"broadcast_identity", honoured, "", "Stands for this instance in the queues of broadcasts, `${HOSTNAME}` for example: reliable ones need it, to find their queue again.", func(r *reader, v any) error { return text(&r.cfg.BroadcastIdentity, v) }},
		{"web", honoured, "", "The keys of the third table.", (*reader).readSection},
		{"log_format", honoured, "text", "`text` or `json`. The flag `--log-format` wins.", readLogFormat},
	}
}

// readAddress takes what Nameko does, a host and a port or a port alone, and hosts of IPv6 in brackets.
func readAddress(r *reader, v any) error {
	address := fmt.Sprint(v)
	port := address
	if host, after, err := net.SplitHostPort(address); err == nil {
		port = after
		address = net.JoinHostPort(host, port)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("want host:port or a port, got %s", show(v))
	}
	r.cfg.WebAddress = address
	return nil
}

// readURI takes a list too, as kombu does.
func readURI(r *reader, v any) error {
	list, ok := v.([]any)
	if !ok {
		return text(&r.cfg.AMQPURI, v)
	}
	uris := make([]string, len(list))
	for i := range list {
		if err := text(&uris[i], list[i]); err != nil {
			return err
		}
	}
	r.cfg.AMQPURI = strings.Join(uris, ";")
	return nil
}

func readSSL(r *reader, v any) error {
	switch v.(type) {
	case bool, map[string]any:
		r.cfg.AMQPSSL = v
		return nil
	}
	return fmt.Errorf("want true, or ca_certs, certfile, keyfile under it, got %s", show(v))
}

// readMaxWorkers takes 0 for the default, as Nameko does.
func readMaxWorkers(r *reader, v any) error {
	if v == 0 {
		return nil
	}
	return whole(&r.cfg.MaxWorkers, v, 1)
}

// readMaxLent keeps 0 apart from what is not given.
func readMaxLent(r *reader, v any) error {
	err := whole(&r.cfg.MaxLent, v, 0)
	if err == nil && r.cfg.MaxLent == 0 {
		r.cfg.MaxLent = -1
	}
	return err
}

func readParents(r *reader, v any) error { return whole(&r.cfg.ParentCallsTracked, v, 0) }

func readHeartbeat(r *reader, v any) error {
	var d time.Duration
	if err := duration(&d, v); err != nil {
		return err
	}
	switch {
	case d == 0:
		r.warn("0 has no effect here: a connection without heartbeats may be dead for hours unnoticed")
		return nil
	case d%time.Second != 0:
		return fmt.Errorf("want whole seconds, got %s", show(v))
	}
	r.cfg.Heartbeat = d
	return nil
}

// limit reads a duration, or none, which is negative.
func limit(dst *time.Duration, v any) error {
	if v == "none" {
		*dst = -1
		return nil
	}
	if err := duration(dst, v); err != nil {
		return err
	}
	if *dst == 0 {
		return errors.New("want more than 0, or none for no limit")
	}
	return nil
}

// errPickle is the error of who asks for Python's pickle.
var errPickle = errors.New("pickle is not read here: reading it runs what the sender wants; want json or msgpack")

func readSerializer(r *reader, v any) error {
	switch v {
	case "json", "msgpack":
		return text(&r.cfg.Serializer, v)
	case "pickle":
		return errPickle
	}
	return fmt.Errorf("want json or msgpack, got %s", show(v))
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
			r.warn(show(name) + " is not read here: json and msgpack are")
		}
	}
	if len(r.cfg.Accept) == 0 {
		return fmt.Errorf("want a list with json, msgpack or both in it, got %s", show(v))
	}
	return nil
}

func readLogFormat(r *reader, v any) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("want text or json, got %s", show(v))
	}
	r.cfg.LogFormat = v.(string)
	return nil
}
