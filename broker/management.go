package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/mux"
)

// ListenManagement serves the management API over HTTP on addr, "host:port", where port 0 selects a
// free port. It returns the address that it listens on. The API is the part of RabbitMQ's that
// clients, their tests and monitoring use, with the same JSON. addr must be a loopback address:
// 127.0.0.1 or ::1. Users log in and must be administrators: see [Access]. The Host header of a
// request must be a loopback name or one of Config.ManagementHosts, and changes requested by pages
// of other sites are refused.
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

// maxRequest is the largest request body, with RabbitMQ's default.
const maxRequest = 20_000_000

// A request is a request to the management API by a logged-in user.
type request struct {
	*http.Request
	broker  *Broker
	user    string
	account *account
}

// A handler handles a request. Its result becomes the response: nil means 204, a created means 201,
// any other value is sent as JSON.
type handler func(*request) (any, error)

// A created is the response of a request that created something, at location.
type created struct{ location string }

// A refusal is an error response in RabbitMQ's form.
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

// declined converts the error of an AMQP operation to a response.
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

// management returns the API's HTTP handler.
func (b *Broker) management() http.Handler {
	m := new(mux.ServeMux)
	for path, methods := range endpoints {
		m.Handle(path, b.endpoint(methods))
	}
	m.Handle("/", b.endpoint(nil))
	ownPages := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := b.checkHost(r); err != nil {
			reply(w, nil, err)
			return
		}
		if err := ownPages.Check(r); err != nil {
			reply(w, nil, &refusal{http.StatusForbidden, "forbidden", "pages of other sites must not use the management API"})
			return
		}
		if path, slash := strings.CutSuffix(r.URL.EscapedPath(), "/"); slash {
			r.URL.Path, r.URL.RawPath = strings.TrimSuffix(r.URL.Path, "/"), path
		}
		m.ServeHTTP(w, r)
	})
}

// checkHost returns an error if the request's Host header names another machine. Otherwise, a web
// page could reach this server through a browser if its host name resolves to 127.0.0.1.
func (b *Broker) checkHost(r *http.Request) error {
	name := mux.HostName(r.Host)
	if mux.IsLoopback(name) || slices.Contains(b.allowed, "*") ||
		slices.ContainsFunc(b.allowed, func(host string) bool { return mux.HostName(host) == name }) {
		return nil
	}
	return &refusal{http.StatusMisdirectedRequest, "misdirected_request", fmt.Sprintf("the management API does not answer for the host %q: "+
		"address it as localhost or 127.0.0.1, or add the name to ManagementHosts of broker.Config or --management-host of gomeko broker", name)}
}

// endpoint returns the HTTP handler of a path, which has a handler for each method. Nil methods
// mean an unknown path.
func (b *Broker) endpoint(methods map[string]handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !b.begin() {
			http.Error(w, errClosed.Error(), http.StatusServiceUnavailable)
			return
		}
		defer b.serving.Done()
		user, password, ok := r.BasicAuth()
		account := b.knows(user, password)
		switch {
		case !ok || account == nil:
			w.Header().Set("WWW-Authenticate", `Basic realm="RabbitMQ Management"`)
			answer(w, http.StatusUnauthorized, &refusal{Kind: "not_authorized", Reason: "Login failed"})
			return
		case !b.administers(account):
			w.Header().Set("WWW-Authenticate", `Basic realm="RabbitMQ Management"`)
			answer(w, http.StatusUnauthorized, &refusal{Kind: "not_authorised", Reason: "Not management user"})
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
		result, err := handle(&request{r, b, user, account})
		reply(w, result, err)
	})
}

// begin registers a running request. It returns false if the broker is closed.
func (b *Broker) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.serving.Add(1)
	}
	return !b.closed
}

// reply writes the result of a handler as the response.
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
	_ = e.Encode(value) // the client has gone
}

// host returns the virtual host in the path.
func (r *request) host() (*vhost, error) {
	if v := r.broker.vhost(r.PathValue("vhost")); v != nil {
		return v, nil
	}
	return nil, errNoObject
}

// chosen returns the virtual host in the path, or all of them if the path has none.
func (r *request) chosen() ([]*vhost, error) {
	if r.PathValue("vhost") == "" {
		return r.broker.hosts(), nil
	}
	v, err := r.host()
	return []*vhost{v}, err
}

// collect returns the results of list for the chosen virtual hosts.
func collect[T any](r *request, list func(*vhost) []T) (any, error) {
	hosts, err := r.chosen()
	if err != nil {
		return nil, err
	}
	all := []T{} // not nil, which would be null in JSON
	for _, v := range hosts {
		v.lock()
		all = append(all, list(v)...)
		v.unlock()
	}
	return all, nil
}

// find returns the first non-nil result of look for any virtual host.
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

// decode reads the body, which is empty or an object. The object must have the required keys.
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

// flag reports whether the query has name=true.
func (r *request) flag(name string) bool { return r.URL.Query().Get(name) == "true" }

// session returns a channel within the broker. The API makes its changes through it, under the same
// rules as any client.
func (r *request) session(v *vhost) *channel {
	_, nc := memoryPipe()
	c := newConn(r.broker, nc)
	c.user, c.account, c.vhost = r.user, r.account, v
	return newChannel(c, 1)
}
