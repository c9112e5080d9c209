package httpqueue

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gomeko/gomeko/transport"
)

// A writer is the http.ResponseWriter of a request from a queue. It sends an answer that fits into
// one part and is not flushed as one message, and any other answer in parts. Several goroutines may
// call its methods, but must not write at the same time.
type writer struct {
	ctx    context.Context // of the request
	run    *run
	from   *transport.Delivery // the request
	noBody bool                // the method is HEAD

	header http.Header

	mu sync.Mutex

	head    *answer // nil until the handler has written the header
	buffer  []byte
	written int64
	length  int64 // as declared by the handler; -1 if unknown
	out     *outflow
	err     error
}

func newWriter(ctx context.Context, r *run, d *transport.Delivery, noBody bool) *writer {
	return &writer{ctx: ctx, run: r, from: d, noBody: noBody, header: http.Header{}, length: -1}
}

// Header implements [http.ResponseWriter].
func (w *writer) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter]. It ignores informational (1xx) responses.
func (w *writer) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == nil && status >= 200 {
		w.begin(status)
	}
}

// begin sets the head, which does not change afterwards. The caller holds mu.
func (w *writer) begin(status int) {
	if status > 999 {
		panic("http: invalid status " + strconv.Itoa(status))
	}
	w.head = &answer{status: status, fields: http.Header{}}
	for name, values := range w.header {
		if !strings.HasPrefix(name, http.TrailerPrefix) {
			w.head.fields[name] = values
		}
	}
	w.head.fields = w.head.fields.Clone()
	for _, line := range w.head.fields["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			w.head.announced = append(w.head.announced, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	for _, name := range w.head.announced {
		delete(w.head.fields, name)
	}
	if n, err := strconv.ParseUint(w.head.fields.Get("Content-Length"), 10, 63); err == nil {
		w.length = int64(n)
	}
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == nil {
		w.begin(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case !bodyAllowed(w.head.status):
		return 0, http.ErrBodyNotAllowed
	case w.length >= 0 && w.written+int64(len(p)) > w.length:
		return 0, http.ErrContentLength
	case errors.Is(context.Cause(w.ctx), errCancelled):
		return 0, errCancelled
	}
	w.sniff(p)
	w.written += int64(len(p))
	if w.noBody {
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		if w.buffer == nil {
			w.buffer = make([]byte, 0, min(partBytes, max(len(rest), 2048)))
		}
		n := min(len(rest), partBytes-len(w.buffer))
		w.buffer = append(w.buffer, rest[:n]...)
		if rest = rest[n:]; len(w.buffer) == partBytes {
			if err := w.part(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// sniff sets the content type of the answer from the start of its body, as net/http does. The
// caller holds mu.
func (w *writer) sniff(p []byte) {
	_, typed := w.head.fields["Content-Type"]
	if _, encoded := w.head.fields["Content-Encoding"]; w.written == 0 && len(p) > 0 && !typed && !encoded {
		if _, suppressed := w.header["Content-Type"]; !suppressed {
			w.head.fields["Content-Type"] = []string{http.DetectContentType(p)}
		}
	}
}

// part sends what is buffered as a part. The caller holds mu.
func (w *writer) part() error {
	var head transport.Table
	if w.out == nil {
		w.run.lift()
		k := w.run.backend.worker
		w.out = newOutflow(k.cfg, k.send, w.run.id.front, k.queue, w.run.id.id, w.run.name, w.run.cancel)
		w.run.mu.Lock()
		w.run.out = w.out
		w.run.mu.Unlock()
		head = w.head.headers()
	}
	body := w.buffer
	w.buffer = nil // the message refers to it
	w.err = w.out.part(w.ctx, body, head)
	return w.err
}

// Flush implements [http.Flusher].
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError implements the optional method of [http.ResponseController].
func (w *writer) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.head == nil {
		w.begin(http.StatusOK)
	}
	if w.err != nil || w.out != nil && len(w.buffer) == 0 {
		return w.err
	}
	return w.part()
}

// EnableFullDuplex implements the optional method of [http.ResponseController]. Requests from a
// queue always are full-duplex.
func (w *writer) EnableFullDuplex() error { return nil }

// finish sends the rest of the answer. If failed is not nil, it cuts the answer off. It returns an
// error if it cannot send the end of the answer.
func (w *writer) finish(failed error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case failed == nil && w.head == nil:
		w.begin(http.StatusOK)
	case failed == nil && w.err != nil:
		failed = w.err
	}
	if failed == nil && w.length >= 0 && w.written < w.length && !w.noBody && bodyAllowed(w.head.status) {
		failed = errors.New("the handler has written less than its Content-Length")
	}
	if w.out == nil {
		return w.reply(failed)
	}
	defer w.out.watch.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), shortLimit)
	defer cancel()
	if failed != nil {
		return w.out.last(ctx, transport.Table{reasonHeader: failed.Error()})
	}
	if len(w.buffer) > 0 {
		if err := w.part(); err != nil {
			return cmp.Or(w.out.last(ctx, transport.Table{reasonHeader: err.Error()}), err)
		}
	}
	ctx, cancel = context.WithTimeout(context.WithoutCancel(w.ctx), claimLimit) // a new limit: sending the part may have taken long
	defer cancel()
	var more transport.Table
	if trailers := w.trailers(); len(trailers) > 0 {
		more = transport.Table{trailersHeader: trailers}
	}
	return w.out.last(ctx, more)
}

// reply sends the whole answer or, if failed is not nil, a failure. The caller holds mu.
func (w *writer) reply(failed error) error {
	k := w.run.backend.worker
	if errors.Is(context.Cause(w.ctx), errCancelled) {
		return nil // nobody waits for it
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), claimLimit)
	defer cancel()
	if failed != nil {
		h := transport.Table{runHeader: w.run.name, statusHeader: int64(http.StatusBadGateway), reasonHeader: "the backend has ended the connection"}
		return w.from.Reply(ctx, message(failureType, w.run.id.front, k.queue, w.run.id.id, h, nil))
	}
	if w.length < 0 && w.noBody && w.written > 0 && bodyAllowed(w.head.status) {
		w.head.fields.Set("Content-Length", strconv.FormatInt(w.written, 10))
	}
	h := w.head.headers()
	h[runHeader] = w.run.name
	if trailers := w.trailers(); len(trailers) > 0 {
		h[trailersHeader] = trailers
	}
	return w.from.Reply(ctx, message(answerType, w.run.id.front, k.queue, w.run.id.id, h, w.buffer))
}

// trailers returns the trailer fields that the handler has set. The caller holds mu.
func (w *writer) trailers() []any {
	fields := http.Header{}
	for _, name := range w.head.announced {
		if values := w.header[name]; values != nil {
			fields[name] = values
		}
	}
	for name, values := range w.header {
		if plain, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			fields[http.CanonicalHeaderKey(plain)] = values
		}
	}
	return encodeFields(fields, mayTrail)
}
