package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/servicetest"
	"github.com/gomeko/gomeko/web"
)

// Patient has methods that end when the test says so.
type Patient struct {
	_ service.Name `service:"patient"`

	Entrypoints struct {
		Wait   web.Route        `web:"GET /wait"`
		Own    web.Route        `web:"GET /own" timeout:"1h"`
		Stream web.Route        `web:"GET /stream"`
		Write  web.Route        `web:"GET /write"`
		Ask    web.SocketMethod `web:"ask" method:"Wait"`
	}

	begun, end chan struct{}
}

func newPatient() *Patient {
	return &Patient{begun: make(chan struct{}, 10), end: make(chan struct{})}
}

// Wait ignores ctx.
func (p *Patient) Wait(context.Context) (string, error) {
	p.begun <- struct{}{}
	<-p.end
	return "waited", nil
}

// Own waits until ctx ends.
func (p *Patient) Own(ctx context.Context) (string, error) {
	p.begun <- struct{}{}
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-p.end:
		return "waited", nil
	}
}

func (p *Patient) Stream(context.Context) (io.Reader, error) {
	return io.MultiReader(strings.NewReader("begun\n"), readerFunc(func() string { <-p.end; return "ended\n" })), nil
}

func (p *Patient) Write(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	fmt.Fprintln(w, "begun")
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	<-p.end
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "ended")
	return err
}

// A readerFunc is an io.Reader.
type readerFunc func() string

func (f readerFunc) Read(p []byte) (int, error) { return copy(p, f()), io.EOF }

// brief is a short limit.
const brief = 50 * time.Millisecond

// A call whose row has no timeout is answered when the server's timeout expires, even if its method
// does not return.
func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	patient := newPatient()
	p := start(t, web.Config{Timeout: brief}, patient)
	t.Cleanup(func() { close(patient.end) })
	if status, _, text := request(t, p, "GET", "/wait", "", ""); status != 503 || !strings.HasPrefix(text, "Error: ServiceUnavailable: call patient.wait.") {
		t.Errorf("got %d %q, want 503 and the id of the call", status, text)
	}
	if log := p.Log.String(); !strings.Contains(log, `level=ERROR msg="call failed" service=patient method=wait`) {
		t.Errorf("want an error in the log:\n%s", log)
	}
}

func TestDefaultTimeoutOfSockets(t *testing.T) {
	t.Parallel()
	patient := newPatient()
	h := servicetest.New(t, patient, service.Configure(web.Config{Timeout: brief}))
	t.Cleanup(func() { close(patient.end) })
	var refused *rpc.Error
	if err := h.Socket().Call(t.Context(), "ask", nil); !errors.As(err, &refused) || refused.Type != "ServiceUnavailable" {
		t.Errorf("got %v, want ServiceUnavailable", err)
	}
}

// A response that has begun may take longer than the server's timeout, and so may a call whose row
// has a timeout.
func TestBeyondTimeout(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP2=%t", http2), func(t *testing.T) { beyondTimeout(t, http2) })
	}
}

func beyondTimeout(t *testing.T, http2 bool) {
	patient := newPatient()
	const limit = time.Second
	p := start(t, web.Config{Timeout: limit, WriteTimeout: limit, H2C: http2}, patient)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	p.client = &http.Client{Transport: &http.Transport{Protocols: protocols}}
	read := func(path string) *bufio.Reader { return bufio.NewReader(p.get(t, path).Body) }
	stream, written := read("/stream"), read("/write")
	own := make(chan string)
	go func() {
		_, _, text := request(t, p, "GET", "/own", "", "")
		own <- text
	}()
	<-patient.begun
	for _, answer := range []*bufio.Reader{stream, written} {
		if line, err := answer.ReadString('\n'); line != "begun\n" {
			t.Errorf("got %q, %v, want begun", line, err)
		}
	}
	<-time.After(2 * limit) // there is no event to wait for
	close(patient.end)
	for _, answer := range []*bufio.Reader{stream, written} {
		if line, err := answer.ReadString('\n'); line != "ended\n" {
			t.Errorf("got %q, %v, want ended", line, err)
		}
	}
	if text := <-own; text != "waited" {
		t.Errorf("got %q from the row with a timeout of its own, want waited", text)
	}
}

// A request waits for a worker at most until the server's timeout, and at most MaxWaiting requests
// wait.
func TestWaiting(t *testing.T) {
	t.Parallel()
	patient := newPatient()
	p := startConfigured(t, service.Config{MaxWorkers: 1}, web.Config{Timeout: 5 * time.Second, MaxWaiting: 1}, patient)
	t.Cleanup(func() { close(patient.end) })
	type answer struct {
		status  int
		crowded bool
	}
	answers := make(chan answer)
	get := func() {
		status, header, _ := request(t, p, "GET", "/own", "", "")
		answers <- answer{status, header.Get("Retry-After") == "1"}
	}
	go get()
	<-patient.begun
	go get() // one of the two waits for the worker until the timeout, the other is refused
	go get()
	if got := map[answer]bool{<-answers: true, <-answers: true}; !got[answer{503, true}] || !got[answer{503, false}] {
		t.Errorf("got %v, want 503 for one that is too many and for one that has waited", got)
	}
	patient.end <- struct{}{}
	if got := <-answers; got.status != 200 {
		t.Errorf("got %d from the request that had the worker, want 200", got.status)
	}
}

// An idle connection is closed. The write timeout of the previous response does not limit the next
// request, even one with Expect: 100-continue.
func TestIdleConnection(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{WriteTimeout: time.Second, IdleTimeout: 10 * time.Second}, new(Shop))
	conn := p.tcp(t)
	answers := bufio.NewReader(conn)
	send := func(request string) {
		t.Helper()
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(want int) {
		t.Helper()
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); answer.StatusCode != want || err != nil {
			t.Fatalf("got %s, %v, want %d", answer.Status, err, want)
		}
	}
	send("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
	answered(200)
	<-time.After(2 * time.Second) // longer than the write timeout
	send("POST /things HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	answered(100)
	send("2\r\n{}\r\n0\r\n\r\n")
	answered(400) // fields are missing
	if _, err := answers.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want that the connection was closed", err)
	}
}
