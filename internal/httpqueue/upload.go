package httpqueue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/gomeko/gomeko/transport"
)

// An upload is the body of a request that is sent in parts. The front begins to send it when the
// handler begins to read. It implements [io.ReadCloser].
type upload struct {
	ctx     context.Context
	run     *run
	in      *inflow
	request *http.Request // receives the trailers

	mu     sync.Mutex
	begun  bool
	part   []byte // the unread rest of the latest part
	ended  error  // set when nothing more can be read
	closed bool
}

func newUpload(ctx context.Context, r *run, request *http.Request) *upload {
	w := r.backend.worker
	in := newInflow(w.cfg, func(to, run string, taken int64, settled func(error)) {
		w.host.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, shortLimit)
			defer cancel()
			m := message(creditType, to, w.queue, r.id.id, transport.Table{takenHeader: taken, runHeader: run}, nil)
			m.Expiration = shortValid
			_ = w.send(ctx, m, settled) // the next credit makes up for a lost one
		})
	})
	return &upload{ctx: ctx, run: r, in: in, request: request}
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.begun {
		u.begun = true
		u.in.begin(u.run.id.front, u.run.name, 0)
	}
	for len(u.part) == 0 && u.ended == nil {
		u.next()
	}
	if len(u.part) > 0 && !u.closed {
		n := copy(p, u.part)
		u.part = u.part[n:]
		return n, nil
	}
	if u.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return 0, u.ended
}

// next waits for the next part. The caller holds mu.
func (u *upload) next() {
	d, err := u.in.await(u.ctx)
	switch {
	case errors.Is(err, errCut):
		u.ended = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	case err != nil:
		u.ended = err
	default:
		u.part = d.Body
		if _, last := whole(d.Headers[countHeader]); last {
			u.ended = io.EOF
			setTrailers(u.request, d.Headers[trailersHeader])
		}
	}
}

// Close implements [io.Closer]. It does not wait for a concurrent Read, which returns when the ctx
// ends.
func (u *upload) Close() error {
	u.in.close()
	if u.mu.TryLock() {
		u.closed = true
		u.mu.Unlock()
	}
	return nil
}

// setTrailers sets the trailers of a request. It is called at the end of the body.
func setTrailers(r *http.Request, header any) {
	fields, err := decodeFields(header, mayTrail)
	if err != nil {
		return
	}
	for name, values := range fields {
		if r.Trailer == nil {
			r.Trailer = http.Header{}
		}
		r.Trailer[name] = values
	}
}

// A wholeBody is a body that arrived with its request. It sets the trailers at its end.
type wholeBody struct {
	*bytes.Reader
	request *http.Request
	trailer http.Header
}

func newWhole(m *request, r *http.Request) *wholeBody {
	return &wholeBody{bytes.NewReader(m.body), r, m.trailers}
}

// Read implements [io.Reader].
func (b *wholeBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		for name, values := range b.trailer {
			if b.request.Trailer == nil {
				b.request.Trailer = http.Header{}
			}
			b.request.Trailer[name] = values
		}
	}
	return n, err
}

// Close implements [io.Closer].
func (b *wholeBody) Close() error { return nil }
