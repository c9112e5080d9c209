package config

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Web is how the HTTP server of a process is run: the keys under gomeko.web. 0 of each is its default.
type Web struct {
	HeaderTimeout time.Duration // header_timeout: for the headers of a request to come; 10 s
	ReadTimeout   time.Duration // read_timeout: for its body to come; 1 m
	WriteTimeout  time.Duration // write_timeout: for each part of an answer to be taken; 1 m
	IdleTimeout   time.Duration // idle_timeout: between the requests of a connection; 2 m
	Timeout       time.Duration // timeout: for a call whose row has none; 1 m, negative is no limit
	MaxWaiting    int           // max_waiting: requests of a service beside those that have its workers; 10 for each worker
	MaxHeader     int           // max_header: the headers of a request in bytes; 64 KiB
	MaxBody       int           // max_body: its body; 16 MiB
	DrainDelay    time.Duration // drain_delay: how long connections are still taken when the process stops; 0
	ReadyPath     string        // ready_path: where load balancers ask whether to send requests; "" for nowhere
	H2C           bool          // h2c: HTTP/2 without TLS too
	CertFile      string        // tls_cert: a file with the certificate of HTTPS, in PEM; "" for HTTP
	KeyFile       string        // tls_key: a file with its key
	NoAccessLog   bool          // access_log, when it is false: the log has no line on each request

	SocketOrigins    []string      // socket_origins: whose pages may open websockets, beside those of the server's own host
	SocketMaxFrame   int           // socket_max_frame: a client's frame in bytes; 1 MiB
	SocketQueue      int           // socket_queue: what may wait for a slow client, in bytes; 1 MiB
	SocketDropEvents bool          // socket_drop_events: who is too slow misses events, instead of being closed
	SocketPing       time.Duration // socket_ping: the time between pings; 30 s, negative for none
	SocketIdle       time.Duration // socket_idle: how long a websocket may be without a request and an event; 0 is for ever
}

// webKeys are the keys under gomeko.web.
func webKeys() []key {
	return []key{
		{"header_timeout", honoured, "10s", "What a client has to send the headers of a request.", func(r *reader, v any) error { return duration(&r.cfg.Web.HeaderTimeout, v) }},
		{"read_timeout", honoured, "1m", "What it has to send the body.", func(r *reader, v any) error { return duration(&r.cfg.Web.ReadTimeout, v) }},
		{"write_timeout", honoured, "1m", "What it has to take each part of an answer.", func(r *reader, v any) error { return duration(&r.cfg.Web.WriteTimeout, v) }},
		{"idle_timeout", honoured, "2m", "How long a connection is kept between two requests.", func(r *reader, v any) error { return duration(&r.cfg.Web.IdleTimeout, v) }},
		{"timeout", honoured, "1m", "How long a call may wait for a worker and, unless its row has a `timeout`, run: then it is answered 503. `none` is no limit.", func(r *reader, v any) error { return limit(&r.cfg.Web.Timeout, v) }},
		{"max_waiting", honoured, "", "How many requests of a service may wait for a worker or, without one, for another service: one more is answered 503. Unset: 10 for each worker.", func(r *reader, v any) error { return whole(&r.cfg.Web.MaxWaiting, v, 1) }},
		{"max_header", honoured, "65536", "Largest headers of a request, in bytes: larger ones are answered 431.", func(r *reader, v any) error { return whole(&r.cfg.Web.MaxHeader, v, 1) }},
		{"max_body", honoured, "16777216", "Largest body of a request, in bytes: a larger one is answered 413.", func(r *reader, v any) error { return whole(&r.cfg.Web.MaxBody, v, 1) }},
		{"drain_delay", honoured, "0", "How long a process that stops still takes connections, each for one request: what a load balancer needs to hear of it.", func(r *reader, v any) error { return duration(&r.cfg.Web.DrainDelay, v) }},
		{"ready_path", honoured, "", "A path such as `/ready`, answered 200, and 503 from when the process stops: for load balancers.", readReadyPath},
		{"h2c", honoured, "false", "HTTP/2 without TLS too, as proxies speak it.", func(r *reader, v any) error { return truth(&r.cfg.Web.H2C, v) }},
		{"tls_cert", honoured, "", "A file with the certificate of HTTPS, in PEM, with those that it is signed by; with HTTP/2.", func(r *reader, v any) error { return text(&r.cfg.Web.CertFile, v) }},
		{"tls_key", honoured, "", "A file with the key of that certificate.", func(r *reader, v any) error { return text(&r.cfg.Web.KeyFile, v) }},
		{"access_log", honoured, "true", "A line in the log for each request, at INFO.", readAccessLog},
		{"socket_origins", honoured, "", "A list of those whose pages may open websockets, beside the server's own host: `https://app.example.org`, or `*` for all.", readOrigins},
		{"socket_max_frame", honoured, "1048576", "Largest frame of a client's, in bytes: a larger one closes its websocket with 1009.", func(r *reader, v any) error { return whole(&r.cfg.Web.SocketMaxFrame, v, 1) }},
		{"socket_queue", honoured, "1048576", "What may wait for a client that reads too slowly, in bytes: an event over it closes its websocket with 1008.", func(r *reader, v any) error { return whole(&r.cfg.Web.SocketQueue, v, 1) }},
		{"socket_drop_events", honoured, "false", "Such a client misses the oldest events instead.", func(r *reader, v any) error { return truth(&r.cfg.Web.SocketDropEvents, v) }},
		{"socket_ping", honoured, "30s", "The time between pings; who is silent for two of them is cut. `none` is never.", func(r *reader, v any) error { return limit(&r.cfg.Web.SocketPing, v) }},
		{"socket_idle", honoured, "", "How long a websocket may be without a request and an event, then it is closed with 1001. Unset: for ever.", func(r *reader, v any) error { return duration(&r.cfg.Web.SocketIdle, v) }},
	}
}

// readWeb reads the keys under gomeko.web.
func (r *reader) readWeb(v any) error {
	node := target(r.value)
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("want keys with values under it, got %s", show(v))
	}
	outer, at := r.prefix, r.key
	r.prefix = "gomeko.web."
	known := webKeys()
	r.read(node, known, func(name string) {
		near, _ := nearest(name, names(known))
		r.mistake(errors.New("is not known; the nearest is " + near))
	})
	r.prefix, r.key = outer, at
	if (r.cfg.Web.CertFile == "") != (r.cfg.Web.KeyFile == "") {
		return errors.New("want tls_cert and tls_key, or neither")
	}
	return nil
}

func readAccessLog(r *reader, v any) error {
	on := true
	err := truth(&on, v)
	r.cfg.Web.NoAccessLog = !on
	return err
}

func readOrigins(r *reader, v any) error {
	list, _ := v.([]any)
	for _, v := range list {
		origin, ok := v.(string)
		if !ok {
			return fmt.Errorf("want a list of origins such as https://app.example.org, got %s in it", show(v))
		}
		r.cfg.Web.SocketOrigins = append(r.cfg.Web.SocketOrigins, origin)
	}
	if len(list) == 0 {
		return fmt.Errorf("want a list of origins such as https://app.example.org, got %s", show(v))
	}
	return nil
}

func readReadyPath(r *reader, v any) error {
	if path, ok := v.(string); !ok || !strings.HasPrefix(path, "/") {
		return fmt.Errorf("want a path such as /ready, got %s", show(v))
	}
	return text(&r.cfg.Web.ReadyPath, v)
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
