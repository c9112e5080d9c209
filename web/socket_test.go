package web_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Counted is the service of TestSocketRules.
type Counted struct {
	_ service.Name `service:"counted"`

	Entrypoints struct {
		Count web.SocketMethod `web:"count"`
	}
}

func (*Counted) Count(context.Context, *web.Socket) (int, error) { return 1, nil }

// TestSocketRules checks the rules for all entrypoints.
func TestSocketRules(t *testing.T) {
	var port hosttest.Port
	servicetest.TestEntrypoint(t, new(Counted), func(ctx context.Context) error {
		conn, _, err := websocket.DefaultDialer.DialContext(ctx, fmt.Sprintf("ws://%s/ws", port.Address()), nil)
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"method": "count"}`)); err != nil {
			return err
		}
		for {
			_, frame, err := conn.ReadMessage()
			switch {
			case err != nil:
				return err
			case strings.Contains(string(frame), `"success": true`):
				return nil
			case strings.Contains(string(frame), `"success": false`):
				return errors.New(string(frame))
			}
		}
	}, service.Configure(web.Config{Listen: port.Listen}))
}

// Staged is a service whose calls end when the test says so.
type Staged struct {
	_ service.Name `service:"staged"`

	Entrypoints struct {
		Wait   web.SocketMethod `web:"wait(name)"`
		Beside web.SocketMethod `web:"beside(name)" method:"Wait" at_once:"2"`
		Short  web.SocketMethod `web:"short(name)" method:"Wait" timeout:"1ms"`
		Fail   web.SocketMethod `web:"fail(how)"`
		Data   web.SocketMethod `web:"data"`
		Double web.SocketMethod `web:"double(n, by=2)"`
	}

	*stage
}

type stage struct {
	began chan string
	over  chan error // receives the cause of a call's cancellation
	gates sync.Map   // channels by name
}

func newStage() *stage { return &stage{began: make(chan string, 16), over: make(chan error, 16)} }

// gate returns the channel that ends a call of this name with each value.
func (s *stage) gate(name string) chan bool {
	gate, _ := s.gates.LoadOrStore(name, make(chan bool))
	return gate.(chan bool)
}

func (s *Staged) Wait(ctx context.Context, name string) (string, error) {
	s.began <- name
	select {
	case <-s.gate(name):
		return name, nil
	case <-ctx.Done():
		s.over <- context.Cause(ctx)
		return "", ctx.Err()
	}
}

func (*Staged) Fail(_ context.Context, how string) (any, error) {
	switch how {
	case "fault":
		return nil, errors.New("the password of the database is secret")
	case "panic":
		panic("secret")
	case "wrapped":
		return nil, fmt.Errorf("order 7: %w", rpc.NewError("shop.exceptions.SoldOut", "sold out"))
	case "taken":
		return nil, &web.Error{Status: http.StatusConflict, Type: "Taken", Message: "it is taken"}
	case "marshal":
		return exploding{}, nil
	}
	return nil, rpc.NewError("shop.exceptions.SoldOut", "sold out")
}

// exploding is a result whose MarshalJSON panics.
type exploding struct{}

func (exploding) MarshalJSON() ([]byte, error) { panic("secret") }

func (*Staged) Data(ctx context.Context) (any, error) {
	return maps.Collect(service.Data(ctx)), nil
}

func (*Staged) Double(_ context.Context, n, by int) (int, error) { return n * by, nil }

func asking(method, arguments, id string) string {
	return fmt.Sprintf(`{"method": %q, "data": {%s}, "correlation_id": %q}`, method, arguments, id)
}

func named(name string) string { return fmt.Sprintf(`"name": %q`, name) }

// TestSocketOutcomes checks the answer for each outcome of a call.
func TestSocketOutcomes(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, &Staged{stage: newStage()})
	conn := p.socket(t)
	const (
		failed   = `{"type": "result", "success": false, "error": {"exc_type": %q, "exc_path": %q, "exc_args": [%s], "value": %q}, "correlation_id": "c"}`
		internal = "gomeko.web.InternalServerError"
	)
	soldOut := fmt.Sprintf(failed, "SoldOut", "shop.exceptions.SoldOut", `"sold out"`, "sold out")
	fault := fmt.Sprintf(failed, "InternalServerError", internal, `"call staged.fail.<id>"`, "call staged.fail.<id>")
	for _, test := range []struct{ name, request, want string }{
		{"by name", asking("double", `"n": 4`, "c"), `{"type": "result", "success": true, "data": 8, "correlation_id": "c"}`},
		{"in any order", asking("double", `"by": 3, "n": 4`, "c"), `{"type": "result", "success": true, "data": 12, "correlation_id": "c"}`},
		{"an id of any kind", `{"correlation_id": {"a": [1.50, "é"]}, "method": "double", "data": {"n": 1}}`,
			`{"type": "result", "success": true, "data": 2, "correlation_id": {"a": [1.50, "é"]}}`},
		{"expected", asking("fail", `"how": "expected"`, "c"), soldOut},
		{"expected, with more text", asking("fail", `"how": "wrapped"`, "c"), fmt.Sprintf(failed, "SoldOut", "shop.exceptions.SoldOut",
			`"order 7: sold out"`, "order 7: sold out")},
		{"a fault", asking("fail", `"how": "fault"`, "c"), fault},
		{"a panic", asking("fail", `"how": "panic"`, "c"), fault},
		{"a panic of the result's", asking("fail", `"how": "marshal"`, "c"), fmt.Sprintf(failed, "UnserializableValueError",
			"nameko.exceptions.UnserializableValueError", "", "Unserializable value: `web_test.exploding`")},
		{"too late", asking("short", named("late"), "c"), fmt.Sprintf(failed, "ServiceUnavailable", "gomeko.web.ServiceUnavailable",
			`"call staged.short.<id>"`, "call staged.short.<id>")},
		{"an error as of a route", asking("fail", `"how": "taken"`, "c"), fmt.Sprintf(failed, "Taken", "gomeko.web.Taken", `"it is taken"`, "it is taken")},
		{"a misfit", asking("double", `"n": "four"`, "c"), fmt.Sprintf(failed, "IncorrectSignature", "nameko.exceptions.IncorrectSignature",
			`"double() argument 'n' must be int: a string does not fit int"`, "double() argument 'n' must be int: a string does not fit int")},
		{"no method", `{"correlation_id": "c"}`, fmt.Sprintf(failed, "MalformedRequest", "nameko.exceptions.MalformedRequest", `"Invalid JSON data"`, "Invalid JSON data")},
		{"an id, then no JSON", `{"correlation_id": "c", "method": `, fmt.Sprintf(failed, "MalformedRequest", "nameko.exceptions.MalformedRequest", `"Invalid JSON data"`, "Invalid JSON data")},
		{"a method that is no name", `{"correlation_id": "c", "method": 5}`, fmt.Sprintf(failed, "MethodNotFound", "nameko.exceptions.MethodNotFound", "", "")},
		{"no data, as Python sees it", `{"method": "data", "data": [], "correlation_id": "c"}`, `{"type": "result", "success": true, "data": {}, "correlation_id": "c"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := anyID.ReplaceAllString(ask(t, conn, test.request), "<id>")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	if got := p.Log.String(); !strings.Contains(got, "the password of the database") {
		t.Error("the log has nothing of the fault")
	}
}

// The requests of a socket run in order, as in Nameko. Other sockets do not wait for them.
func TestInOrder(t *testing.T) {
	t.Parallel()
	staged := newStage()
	p := start(t, web.Config{}, &Staged{stage: staged})
	conn, other := p.socket(t), p.socket(t)
	for _, name := range []string{"a", "b"} {
		write(t, conn, websocket.TextMessage, asking("wait", named(name), name))
	}
	write(t, conn, websocket.TextMessage, `not JSON`)
	if got := hosttest.Receive(t, "a call", staged.began); got != "a" {
		t.Fatalf("got %s first, want a", got)
	}
	if got := ask(t, other, asking("double", `"n": 1`, "c")); !strings.Contains(got, `"data": 2`) {
		t.Errorf("got %s at another socket", got)
	}
	if len(staged.began) > 0 {
		t.Error("b began before a had ended")
	}
	staged.gate("a") <- true
	hosttest.Receive(t, "b", staged.began)
	staged.gate("b") <- true
	for _, want := range []string{`"correlation_id": "a"`, `"correlation_id": "b"`, "Invalid JSON"} {
		if got := string(readFrame(t, conn)); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// With at_once, several requests of a socket run at once, independently of those that run in order.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	staged := newStage()
	p := start(t, web.Config{}, &Staged{stage: staged})
	conn := p.socket(t)
	for _, method := range []string{"wait", "beside", "beside"} {
		write(t, conn, websocket.TextMessage, asking(method, named("first"), method))
		hosttest.Receive(t, method, staged.began)
	}
	write(t, conn, websocket.TextMessage, asking("beside", named("second"), "fourth"))
	staged.gate("first") <- true
	readFrame(t, conn)
	staged.gate("first") <- true
	readFrame(t, conn)
	if got := hosttest.Receive(t, "the fourth", staged.began); got != "second" {
		t.Errorf("got %s, want second", got)
	}
	staged.gate("first") <- true
	staged.gate("second") <- true
	readFrame(t, conn)
	readFrame(t, conn)
}

// When a client disconnects, its calls are cancelled, and logged at WARN.
func TestClientGone(t *testing.T) {
	t.Parallel()
	staged := newStage()
	p := start(t, web.Config{}, &Staged{stage: staged})
	conn := p.socket(t)
	write(t, conn, websocket.TextMessage, asking("wait", named("a"), "c"))
	hosttest.Receive(t, "a call", staged.began)
	conn.Close()
	if got := hosttest.Receive(t, "the end of ctx", staged.over); got.Error() != "the socket was closed" {
		t.Errorf("got %v, want that the socket was closed", got)
	}
	if got := p.Log.Lines("level=ERROR"); len(got) > 0 {
		t.Errorf("got errors in the log: %q", got)
	}
}

// A stop closes a socket with 1001, at once or when its running request has been answered.
func TestSocketDrain(t *testing.T) {
	t.Parallel()
	staged := newStage()
	p := start(t, web.Config{}, &Staged{stage: staged})
	busy, idle := p.socket(t), p.socket(t)
	write(t, busy, websocket.TextMessage, asking("wait", named("a"), "a"))
	hosttest.Receive(t, "a call", staged.began)
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop(context.Background()) }()
	if got := closeCode(t, idle); got != websocket.CloseGoingAway {
		t.Errorf("got %d, want 1001", got)
	}
	write(t, busy, websocket.TextMessage, asking("wait", named("b"), "b")) // it is not run
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the call had ended: %v", err)
	case staged.gate("a") <- true:
	}
	if got := string(readFrame(t, busy)); !strings.Contains(got, `"data": "a"`) {
		t.Errorf("got %s, want the answer", got)
	}
	if got := closeCode(t, busy); got != websocket.CloseGoingAway {
		t.Errorf("got %d, want 1001", got)
	}
	if err := hosttest.Receive(t, "the stop", stopped); err != nil {
		t.Error(err)
	}
	if len(staged.began) > 0 {
		t.Error("a request was taken on during the stop")
	}
}

// TestOrigins checks which pages may open sockets.
func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, origin string
		allowed      []string
		want         int
	}{
		{"no browser", "", nil, http.StatusSwitchingProtocols},
		{"the own host", "http://HOST", nil, http.StatusSwitchingProtocols},
		{"the own host by TLS before us", "https://HOST", nil, http.StatusSwitchingProtocols},
		{"another", "https://evil.example", nil, http.StatusForbidden},
		{"another port", "http://127.0.0.1:1", nil, http.StatusForbidden},
		{"nothing at all", "null", nil, http.StatusForbidden},
		{"no URL", "://", nil, http.StatusForbidden},
		{"one that is named", "https://app.example", []string{"https://app.example"}, http.StatusSwitchingProtocols},
		{"its name in another", "https://app.example.evil.example", []string{"https://app.example"}, http.StatusForbidden},
		{"anybody", "https://evil.example", []string{"*"}, http.StatusSwitchingProtocols},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := startConfigured(t, service.Config{}, web.Config{Sockets: web.Sockets{Origins: test.allowed}}, new(Counted))
			header := http.Header{}
			if test.origin != "" {
				header.Set("Origin", strings.Replace(test.origin, "HOST", strings.TrimPrefix(p.url, "http://"), 1))
			}
			if got := p.handshake(t, header); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if refused := test.want == http.StatusForbidden; refused != (len(p.Log.Lines("websocket refused", "socket_origins")) == 1) {
				t.Errorf("the log says what to do: want %t", refused)
			}
		})
	}
}

// A server on loopback does not accept a foreign page as its own, even if the name of the page's
// host resolves to 127.0.0.1.
func TestOriginsOnLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{
		"localhost:8000": http.StatusSwitchingProtocols, "[::1]:8000": http.StatusSwitchingProtocols, "app.localhost": http.StatusSwitchingProtocols,
		"evil.example:8000": http.StatusForbidden, "shop.example": http.StatusSwitchingProtocols,
	} {
		p := startConfigured(t, service.Config{}, web.Config{Sockets: web.Sockets{Origins: []string{"http://shop.example"}}}, new(Counted))
		if got := p.handshake(t, http.Header{"Origin": {"http://" + host}, "Host": {host}}); got != want {
			t.Errorf("%s: got %d, want %d", host, got, want)
		}
	}
}

// teapot is an error with a status.
type teapot struct{ error }

func (teapot) HTTPStatus() int { return http.StatusTeapot }

// The context data of the upgrade request is passed to each call. A refused upgrade has a status.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	p := startConfigured(t, service.Config{}, web.Config{}, &Staged{stage: newStage()}, service.Configure(web.Hooks{Context: func(r *http.Request) (context.Context, error) {
		ctx := service.Language.With(r.Context(), r.Header.Get("Accept-Language"))
		switch token := r.Header.Get("Authorization"); token {
		case "":
			return nil, &web.Error{Status: http.StatusUnauthorized, Message: "no token"}
		case "teapot":
			return nil, teapot{errors.New("no coffee")}
		default:
			return service.UserID.With(ctx, token), nil
		}
	}}))
	for token, want := range map[string]int{"": http.StatusUnauthorized, "teapot": http.StatusTeapot} {
		if got := p.handshake(t, http.Header{"Authorization": {token}}); got != want {
			t.Errorf("%q: got %d, want %d", token, got, want)
		}
	}
	conn := p.dial(t, http.Header{"Authorization": {"julio"}, "Accept-Language": {"es"}})
	readFrame(t, conn)
	for range 2 {
		got := ask(t, conn, `{"method": "data"}`)
		if !strings.Contains(got, `"data": {"language": "es", "user_id": "julio"}`) {
			t.Errorf("got %s, want the language and the user", got)
		}
	}
}

// wrapped is the ResponseWriter of a middleware, with Unwrap for net/http.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Sockets can be opened over TLS with HTTP/2 enabled, and through middleware that does not support
// websockets.
func TestSocketTLS(t *testing.T) {
	t.Parallel()
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS()
	defer made.Close()
	pool := x509.NewCertPool()
	pool.AddCert(made.Certificate())
	p := startConfigured(t, service.Config{}, web.Config{TLS: &tls.Config{Certificates: made.TLS.Certificates}}, new(Counted), service.Configure(web.Hooks{Middleware: []func(http.Handler) http.Handler{
		func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrapped{w}, r) })
		},
	}}))
	d := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}}
	conn, _, err := d.DialContext(t.Context(), "wss"+strings.TrimPrefix(p.url, "http")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	readFrame(t, conn)
	if got := ask(t, conn, `{"method": "count"}`); !strings.Contains(got, `"data": 1`) {
		t.Errorf("got %s", got)
	}
	write(t, conn, websocket.TextMessage, "\xff")
	if got := closeCode(t, conn); got != websocket.CloseInvalidFramePayloadData {
		t.Errorf("got %d, want 1007", got)
	}
}
