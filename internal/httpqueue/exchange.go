package httpqueue

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/transport"
	"github.com/gomeko/gomeko/web"
)

// An exchange is a request at its front, from its publishing to the end of its answer.
type exchange struct {
	front          *front
	backend, queue string
	limit          time.Duration // 0 means none
	id             string
	began          time.Time
	wake           chan struct{} // holds a token when the head of the answer may have arrived
	failed         chan struct{} // closed when why is set

	mu sync.Mutex

	run, peer string              // the run and the queue of the process that runs the request; "" until they are known
	head      *transport.Delivery // the message that carries the head of the answer
	in        *inflow             // the body of the answer
	out       *outflow            // the body of the request; nil unless it is sent in parts
	opened    chan struct{}       // closed when the backend asks for the body; nil unless it is sent in parts
	why       *web.Error          // the error that the client gets instead of an answer
	over      bool                // the answer has ended
}

// publish sends the request. The broker returns it if the queue does not exist.
func (x *exchange) publish(ctx context.Context, m *request) *web.Error {
	p := message(requestType, x.queue, x.front.queue, x.id, m.headers(), m.body)
	p.Expiration = x.limit
	if m.streamed {
		x.opened = make(chan struct{})
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit) // Send waits only if the connection is lost
	defer cancel()
	err := x.front.requests.Send(ctx, p, func(err error) {
		var returned *transport.Returned
		switch {
		case err == nil:
		case errors.As(err, &returned):
			x.fail(noBackend(x.backend))
		default:
			x.fail(errBroker)
		}
	})
	switch {
	case err == nil:
		return nil
	case strings.HasPrefix(err.Error(), "headers: "):
		return errHeader
	}
	failed := unavailable("the request cannot be sent to the broker")
	failed.Err = err
	return failed
}

// receive handles a message about the request. It does not block.
func (x *exchange) receive(d *transport.Delivery) {
	x.mu.Lock()
	defer x.mu.Unlock()
	run := text(d, runHeader)
	switch {
	case d.Type == claimType:
		x.claimed(d, run)
	case d.Type == failureType:
		x.refused(d)
	case run == "" || x.run != "" && run != x.run: // from a process that no longer has the request
	case d.Type == creditType && x.opened != nil:
		x.ran(d, run)
		x.pull(d)
	case d.Type == answerType && x.head == nil:
		x.ran(d, run)
		x.head, x.over = d, true
		signal(x.wake)
	case d.Type == partType:
		x.ran(d, run)
		if x.head == nil {
			x.head = d
			x.in.begin(d.ReplyTo, run, x.front.cfg.beat())
			signal(x.wake)
		}
		x.in.receive(d)
	}
}

// ran records which process runs the request. The caller holds mu.
func (x *exchange) ran(d *transport.Delivery, run string) { x.run, x.peer = run, d.ReplyTo }

// claimed replies to a process that got the request after another one. The process may run it if no
// part of an answer has arrived and no part of a streamed body has been sent. The caller holds mu.
func (x *exchange) claimed(d *transport.Delivery, run string) {
	again := x.head == nil && x.out == nil && x.why == nil
	if again {
		x.ran(d, run)
	} else { // the process that ran the request is lost
		x.failWith(errLost)
		x.in.fail(errCut)
	}
	x.front.grant(d, again)
}

// refused handles the reply of a process that does not answer the request. The caller holds mu.
func (x *exchange) refused(d *transport.Delivery) {
	status, _ := whole(d.Headers[statusHeader])
	if run := text(d, runHeader); run != "" && x.run != "" && run != x.run {
		return
	}
	failed := *errLost
	failed.Message = text(d, reasonHeader)
	if status >= 400 && status < 600 {
		failed.Status = int(status)
	}
	if text(d, runHeader) != "" {
		failed.Type = "BackendAborted"
	}
	x.failWith(&failed)
	x.in.fail(errCut)
}

// pull handles a credit for the body. The first one says which process reads it. The caller holds
// mu.
func (x *exchange) pull(d *transport.Delivery) {
	if x.out == nil {
		x.out = newOutflow(x.front.cfg, x.front.publisher.Send, x.peer, x.front.queue, x.id, x.run, func(error) {
			go x.fail(errLost) // the caller may hold mu
		})
		close(x.opened)
	}
	x.out.credited(d)
}

// fail ends the exchange without an answer.
func (x *exchange) fail(why *web.Error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failWith(why)
}

// failWith is like fail. The caller holds mu.
func (x *exchange) failWith(why *web.Error) {
	if x.why == nil && !x.over {
		x.why = why
		close(x.failed)
	}
}

// credit tells the backend how many parts of the answer have been taken. If it cannot be sent, the
// next one makes up for it.
func (x *exchange) credit(to, run string, taken int64, settled func(error)) {
	m := message(creditType, to, x.front.queue, x.id, transport.Table{takenHeader: taken, runHeader: run}, nil)
	m.Expiration = shortValid
	ctx, cancel := context.WithTimeout(x.front.life, shortLimit)
	defer cancel()
	_ = x.front.publisher.Send(ctx, m, settled)
}

// leave ends the exchange. If the answer is not complete, it tells the backend.
func (x *exchange) leave() {
	x.mu.Lock()
	peer, over, out := x.peer, x.over, x.out
	x.over = true
	x.mu.Unlock()
	x.in.close()
	if out != nil {
		out.watch.Stop()
	}
	if over {
		return
	}
	m := message(cancelType, peer, x.front.queue, x.id, nil, nil)
	if peer == "" { // one of the backend's processes has the request, or will get it
		m.Exchange, m.Key = control.Exchange, cancelKey(x.backend)
	}
	x.front.tell(m)
}

// serve waits for the answer and writes it.
func (x *exchange) serve(w http.ResponseWriter, r *http.Request, b web.Body) *web.Error {
	pumped := x.pump(w, r, b)
	defer pumped.stop()
	head, err := x.await(r.Context(), pumped)
	if err != nil {
		return err
	}
	a, bad := readAnswer(head)
	if bad != nil {
		x.front.host.Logger().Warn("answer of a backend dropped", "backend", x.backend, "err", bad)
		return errAnswer
	}
	if !pumped.read.Load() && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // the rest of the body must not be read as the next request
	}
	a.write(w)
	if head.Type == answerType {
		if _, err := w.Write(head.Body); err == nil || errors.Is(err, http.ErrBodyNotAllowed) {
			a.writeTrailers(w, head)
		}
		return nil
	}
	if err := x.copy(w, r, a); err != nil {
		x.front.host.Logger().Debug("answer cut off", "backend", x.backend, "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// await waits for the head of the answer.
func (x *exchange) await(ctx context.Context, pumped *pump) (*transport.Delivery, *web.Error) {
	var late <-chan time.Time
	var timer *time.Timer
	if x.limit > 0 {
		timer = time.NewTimer(x.limit - time.Since(x.began))
		defer timer.Stop()
		late = timer.C
	}
	for {
		x.mu.Lock()
		head, why := x.head, x.why
		x.mu.Unlock()
		switch {
		case head != nil:
			return head, nil
		case why != nil:
			return nil, why
		}
		select {
		case <-x.wake:
		case <-x.failed:
		case <-pumped.moved: // the client is still sending the body
			if timer != nil {
				timer.Reset(x.limit)
			}
		case err := <-pumped.failed:
			return nil, err
		case <-ctx.Done():
			return nil, errGone
		case <-late:
			return nil, overTime(x.limit)
		}
	}
}

// copy writes an answer's body that arrives in parts.
func (x *exchange) copy(w http.ResponseWriter, r *http.Request, a *answer) error {
	control := http.NewResponseController(w)
	for {
		d, err := x.in.await(r.Context())
		if err != nil {
			return err
		}
		if len(d.Body) > 0 {
			if _, err := w.Write(d.Body); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
				return err
			}
		}
		if _, last := whole(d.Headers[countHeader]); last {
			x.mu.Lock()
			x.over = true
			x.mu.Unlock()
			a.writeTrailers(w, d)
			return nil
		}
		if err := control.Flush(); err != nil {
			return err
		}
	}
}

// A pump sends the body of a request in parts.
type pump struct {
	read   atomic.Bool     // the client has sent the whole body
	moved  chan struct{}   // holds a token when a part has been sent
	failed chan *web.Error // receives the error if the body cannot be read
	stop   func()          // stops the pump and waits for it
}

// pump starts a pump, which sends the body of a request once the backend asks for it.
func (x *exchange) pump(w http.ResponseWriter, r *http.Request, b web.Body) *pump {
	p := &pump{moved: make(chan struct{}, 1), failed: make(chan *web.Error, 1), stop: func() {}}
	if b.Parts == nil {
		p.read.Store(true)
		return p
	}
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is full-duplex
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := x.send(ctx, r, b.Parts, p); err != nil && ctx.Err() == nil {
			p.failed <- err
		}
	}()
	p.stop = func() {
		cancel()
		if !p.read.Load() {
			select {
			case <-ended:
			default:
				b.Cut()
			}
		}
		<-ended
	}
	return p
}

// send sends a body.
func (x *exchange) send(ctx context.Context, r *http.Request, body io.Reader, p *pump) *web.Error {
	select {
	case <-x.opened:
	case <-ctx.Done():
		return nil
	}
	x.mu.Lock()
	out := x.out
	x.mu.Unlock()
	for {
		part := make([]byte, partBytes)
		n, err := body.Read(part)
		if err == io.EOF { //nolint:errorlint // as io.Reader has it
			p.read.Store(true)
		}
		if n > 0 {
			if out.part(ctx, part[:n], nil) != nil {
				return nil // the exchange has the error
			}
			signal(p.moved)
		}
		switch {
		case err == io.EOF: //nolint:errorlint // as io.Reader has it
			var more transport.Table
			if trailers := encodeFields(r.Trailer, mayTrail); len(trailers) > 0 {
				more = transport.Table{trailersHeader: trailers}
			}
			if out.last(ctx, more) != nil {
				x.fail(errLost)
			}
			return nil
		case err != nil:
			fault := errGone
			errors.As(err, &fault)
			return fault
		}
	}
}

// isUpgrade reports whether a request asks for another protocol. An offer of h2c does not count,
// because it may be answered in HTTP/1.1.
func isUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return true
	}
	to := strings.ToLower(strings.Join(r.Header["Upgrade"], ","))
	return to != "" && to != "h2c" && named(r.Header)["Upgrade"]
}
