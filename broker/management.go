package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// ListenManagement serves RabbitMQ's management API over HTTP on addr, "host:port" with
// port 0 for any free one, and returns the address that it listens on: what clients' tests
// and monitoring ask for under /api, with RabbitMQ's JSON. It takes addresses of this
// machine alone, 127.0.0.1 or ::1. Who asks logs in as a user of the broker, each of whom
// may do everything.
func (b *Broker) ListenManagement(addr string) (net.Addr, error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("broker: management: %w", err)
	}
	if !at.IP.IsLoopback() {
		return nil, fmt.Errorf("broker: management: %s is open to other machines: use 127.0.0.1:%d", addr, at.Port)
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("broker: management: %w", err)
	}
	s := &http.Server{
		Handler:           b.management(),
		ReadHeaderTimeout: handshakeTimeout,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(b.log.Handler(), slog.LevelWarn),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		l.Close()
		return nil, errClosed
	}
	b.listeners = append(b.listeners, s)
	b.serving.Go(func() { _ = s.Serve(l) }) // until it is closed
	return l.Addr(), nil
}

// maxRequest is the largest body of a request, RabbitMQ's default.
const maxRequest = 20_000_000

// A request is one to the management API, by a user who is logged in.
type request struct {
	*http.Request
	broker *Broker
	user   string
}

// A handler does what a request asks for. What it returns is the answer: nil for 204, a
// created for 201, anything else as JSON.
type handler func(*request) (any, error)

// A created is the answer to what made something, which is at location.
type created struct{ location string }

// A refusal is an answer to a mistake, in RabbitMQ's form.
type refusal struct {
	status int
	Kind   string `json:"error"`
	Reason string `json:"reason"`
}

func (r *refusal) Error() string { return r.Reason }

func badRequest(format string, args ...any) error {
	return &refusal{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...)}
}

var errNoObject = &refusal{http.StatusNotFound, "Object Not Found", "Not Found"}

// declined is the answer when a client of AMQP would have been refused.
func declined(err error) error {
	e := asException(err)
	if e == nil {
		return err
	}
	_, reason, _ := strings.Cut(e.text, " - ")
	switch e.code {
	case codeAccessRefused:
		return &refusal{http.StatusUnauthorized, "not_authorised", "Access refused."}
	case codeNotFound:
		return &refusal{http.StatusNotFound, "not_found", reason}
	}
	return badRequest("%s", reason)
}

// management returns the handler of the API.
func (b *Broker) management() http.Handler {
	mux := http.NewServeMux()
	for path, methods := range endpoints {
		mux.Handle(path, b.endpoint(methods))
	}
	mux.Handle("/", b.endpoint(nil))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
		r.URL.RawPath = strings.TrimSuffix(r.URL.RawPath, "/")
		mux.ServeHTTP(w, r)
	})
}

// endpoint returns the handler of a path: of its methods, or of no path at all.
func (b *Broker) endpoint(methods map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !b.begin() {
			http.Error(w, errClosed.Error(), http.StatusServiceUnavailable)
			return
		}
		defer b.serving.Done()
		user, password, ok := r.BasicAuth()
		if !ok || !b.knows(user, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="RabbitMQ Management"`)
			answer(w, http.StatusUnauthorized, &refusal{Kind: "not_authorized", Reason: "Login failed"})
			return
		}
		handle := methods[r.Method]
		switch {
		case methods == nil:
			answer(w, http.StatusNotFound, errNoObject)
			return
		case handle == nil:
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		result, err := handle(&request{r, b, user})
		reply(w, result, err)
	})
}

// begin counts a request as running, and reports false if the broker is closed.
func (b *Broker) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.serving.Add(1)
	}
	return !b.closed
}

// reply answers with what a handler returned.
func reply(w http.ResponseWriter, result any, err error) {
	var r *refusal
	made, isMade := result.(created)
	switch {
	case errors.As(err, &r):
		answer(w, r.status, r)
	case err != nil:
		answer(w, http.StatusBadRequest, badRequest("%v", err))
	case isMade:
		if made.location != "" {
			w.Header().Set("Location", made.location)
		}
		w.WriteHeader(http.StatusCreated)
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, http.StatusOK, result)
	}
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // who asked has gone
}

// host returns the virtual host that the path names.
func (r *request) host() (*vhost, error) {
	if v := r.broker.vhost(r.PathValue("vhost")); v != nil {
		return v, nil
	}
	return nil, errNoObject
}

// chosen returns the virtual hosts that the path names: that one, or all.
func (r *request) chosen() ([]*vhost, error) {
	if r.PathValue("vhost") == "" {
		return r.broker.hosts(), nil
	}
	v, err := r.host()
	return []*vhost{v}, err
}

// collect returns what list finds in the virtual hosts that the path names.
func collect[T any](r *request, list func(*vhost) []T) (any, error) {
	hosts, err := r.chosen()
	if err != nil {
		return nil, err
	}
	all := []T{} // no null in JSON
	for _, v := range hosts {
		v.lock()
		all = append(all, list(v)...)
		v.unlock()
	}
	return all, nil
}

// find returns what look finds in one of the virtual hosts; nil is nothing.
func find(r *request, look func(*vhost) any) (any, error) {
	for _, v := range r.broker.hosts() {
		v.lock()
		found := look(v)
		v.unlock()
		if found != nil {
			return found, nil
		}
	}
	return nil, errNoObject
}

// decode reads the body, an object or nothing, which must have these keys.
func (r *request) decode(body any, required ...string) error {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return badRequest("%v", err)
	}
	if len(text) == 0 {
		text = []byte("{}")
	}
	var present map[string]json.RawMessage
	if err := json.Unmarshal(text, &present); err != nil {
		return badRequest("not_json")
	}
	var missing []string
	for _, key := range required {
		if _, ok := present[key]; !ok {
			missing = append(missing, "{key_missing,"+key+"}")
		}
	}
	if len(missing) > 0 {
		return badRequest("[%s]", strings.Join(missing, ","))
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(text, body); errors.As(err, &wrong) {
		return badRequest("%s: want a %s, not a %s", wrong.Field, wrong.Type, wrong.Value)
	} else if err != nil {
		return badRequest("%v", err)
	}
	return nil
}

// flag reports whether the query sets a flag.
func (r *request) flag(name string) bool { return r.URL.Query().Get(name) == "true" }

// session returns a channel of a client within the broker: what the API changes, it
// changes as any client would, by the same rules.
func (r *request) session(v *vhost) *channel {
	_, nc := memoryPipe()
	c := newConn(r.broker, nc)
	c.user, c.vhost = r.user, v
	return newChannel(c, 1)
}
