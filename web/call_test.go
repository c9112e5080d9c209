package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// Ledger is a service with a transaction for each call.
type Ledger struct {
	_ service.Name `service:"ledger"`

	Entrypoints struct {
		Add       rpc.Method       `rpc:"add(n)"`
		AddHTTP   web.Route        `web:"POST /add/{n}" method:"Add"`
		AddSocket web.SocketMethod `web:"add(n)" method:"Add"`
		Export    web.Route        `web:"GET /export"`
		Raw       web.Route        `web:"GET /raw"`
		Wait      web.Route        `web:"GET /wait"`
		Slow      web.Route        `web:"GET /slow" timeout:"20ms"`
		Who       web.Route        `web:"GET /who"`
		WhoElse   web.Route        `web:"GET /else" method:"Who" name:"look"`
	}

	Tx   *tx `inject:""`
	Test *trace
}

// A trace records what happens in calls.
type trace struct {
	commit func() error
	begun  chan struct{}
	ended  chan error
	late   chan error
	out    *io.PipeReader
}

type tx struct{ *trace }

// transactions provides each call with a transaction, which ends as the trace says.
func transactions(tr *trace) fx.Option {
	return di.PerCall(func() di.Provider[*tx] {
		return func(context.Context) (*tx, di.Done, error) {
			return &tx{tr}, func(err error) error {
				if err == nil && tr.commit != nil {
					err = tr.commit()
				}
				return err
			}, nil
		}
	})
}

func (*Ledger) Add(_ context.Context, n int) (int, error)       { return n + 1, nil }
func (l *Ledger) Export(context.Context) (io.ReadCloser, error) { return l.Test.out, nil }
func (l *Ledger) Raw(w http.ResponseWriter, _ *http.Request)    { fmt.Fprint(w, "raw") }
func (l *Ledger) Wait(ctx context.Context) error {
	close(l.Test.begun)
	<-ctx.Done()
	l.Test.ended <- context.Cause(ctx)
	return ctx.Err()
}

// Slow exceeds its timeout, and writes to the response afterwards.
func (l *Ledger) Slow(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	<-l.Test.begun
	_, err := fmt.Fprint(w, "late")
	w.Header().Set("X-Late", "yes")
	l.Test.late <- err
	return nil
}

func (*Ledger) Who(ctx context.Context) (string, error) {
	language, _ := service.Language.Get(ctx)
	return service.FromContext(ctx).ID + " " + language, nil
}

func startLedger(t *testing.T, tr *trace, options ...any) *process {
	t.Helper()
	return startLedgerConfigured(t, tr, web.Config{}, options...)
}

func startLedgerConfigured(t *testing.T, tr *trace, cfg web.Config, options ...any) *process {
	t.Helper()
	options = append(options, &Ledger{Test: tr}, transactions(tr), service.Defaults(transport.Config{URI: brokertest.Embedded(t)}))
	return startConfigured(t, service.Config{}, cfg, options...)
}

func (p *process) get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

// A failed commit becomes the call's error, because nothing has been sent before it.
func TestCommitBeforeAnswer(t *testing.T) {
	t.Parallel()
	p := startLedger(t, &trace{commit: func() error { return errors.New("the disk is full") }})
	status, _, text := request(t, p, "POST", "/add/1", "", "")
	if status != 500 || !strings.HasPrefix(text, "Error: InternalServerError: call ledger.add.") {
		t.Errorf("got %d %q, want 500 and the id of the call", status, text)
	}
	// A response that a method has begun is cut off.
	if answer, err := p.client.Get(p.url + "/raw"); err == nil {
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil {
			t.Errorf("got %s %q, want an answer that is cut off", answer.Status, text)
		}
	}
}

// Each part of a stream is sent as soon as it is read. The dependencies of the call end after the
// last byte, and their error cuts the response off.
func TestStreamBeforeCommit(t *testing.T) {
	t.Parallel()
	for _, failed := range []error{nil, errors.New("the disk is full")} {
		out, in := io.Pipe()
		committed := make(chan struct{})
		p := startLedger(t, &trace{out: out, commit: func() error { close(committed); return failed }})
		answer := func() *http.Response {
			go fmt.Fprint(in, "first")
			return p.get(t, "/export")
		}()
		first := make([]byte, 5)
		if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "first" {
			t.Fatalf("got %q, %v, want first", first, err)
		}
		select {
		case <-committed:
			t.Error("the call was ended before its stream")
		default:
		}
		in.Close()
		if _, err := io.ReadAll(answer.Body); (err == nil) != (failed == nil) {
			t.Errorf("got %v at the end of a stream whose call ended with %v", err, failed)
		}
		<-committed
	}
}

// One method is called by RPC, over HTTP and over a websocket.
func TestAllWires(t *testing.T) {
	t.Parallel()
	tr := &trace{}
	uri := brokertest.Embedded(t)
	p := startConfigured(t, service.Config{}, web.Config{}, &Ledger{Test: tr}, transactions(tr), service.Configure(transport.Config{URI: uri}))
	caller := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{})
	var got int
	if err := caller.Client("ledger").Call(t.Context(), "add", &got, 1); got != 2 || err != nil {
		t.Errorf("got %d, %v, want 2", got, err)
	}
	if status, _, text := request(t, p, "POST", "/add/1", "", ""); status != 200 || text != "2" {
		t.Errorf("got %d %q, want 2", status, text)
	}
	socket := servicetest.New(t, &Ledger{Test: tr}, transactions(tr)).Socket()
	if err := socket.Call(t.Context(), "add", &got, rpc.Kwargs{"n", 2}); got != 3 || err != nil {
		t.Errorf("got %d, %v, want 3", got, err)
	}
}

// When a client disconnects, the context of its call ends, and no error is logged.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	tr := &trace{begun: make(chan struct{}), ended: make(chan error, 1)}
	p := startLedger(t, tr)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-tr.begun
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	if err := <-tr.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got the cause %v, want %v", err, context.Canceled)
	}
	hosttest.Close(t, p.Stop)
	if log := p.Log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "status=499") {
		t.Errorf("want a warning, and status 499 in the access log:\n%s", log)
	}
}

// A call that exceeds its timeout is answered at once; what its method writes later is discarded.
func TestTimeout(t *testing.T) {
	t.Parallel()
	tr := &trace{begun: make(chan struct{}), late: make(chan error, 1)}
	p := startLedger(t, tr)
	answer := p.get(t, "/slow")
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s, want 503", answer.Status)
	}
	close(tr.begun)
	if err := <-tr.late; !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("got %v, want %v", err, http.ErrHandlerTimeout)
	}
}

// The id of a call ends with the request's id, and its context data comes from Hooks.Context.
func TestRequestID(t *testing.T) {
	t.Parallel()
	languages := web.Hooks{Context: func(r *http.Request) (context.Context, error) {
		if r.Header.Get("Authorization") == "" {
			return nil, &web.Error{Status: http.StatusUnauthorized, Message: "log in"}
		}
		return service.Language.With(r.Context(), r.Header.Get("Accept-Language")), nil
	}}
	p := startLedger(t, &trace{}, service.Configure(languages))
	for given, want := range map[string]string{"abc-1": "abc-1", "": "", "not an id": "", strings.Repeat("x", 129): ""} {
		answer := p.get(t, "/who", "X-Request-ID", given, "Accept-Language", "es", "Authorization", "x")
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		id := answer.Header.Get("X-Request-ID")
		if want != "" && id != want || want == "" && len(id) != 36 || string(text) != "ledger.who."+id+" es" {
			t.Errorf("%q: got the id %q and %q", given, id, text)
		}
	}
	answer := p.get(t, "/else", "Authorization", "x")
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.HasPrefix(string(text), "ledger.look.") {
		t.Errorf("got %q, %v, want the name of the tag", text, err)
	}
	if answer := p.get(t, "/who"); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %s, want 401", answer.Status)
	}
}
