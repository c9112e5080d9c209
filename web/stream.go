package web

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	// retryMin and retryMax bound the random time after which the client of a stream reconnects.
	retryMin = 500 * time.Millisecond
	retryMax = 3 * time.Second
)

// stream sends Server-Sent Events until the client disconnects or the process stops.
func (f *feed) stream(w http.ResponseWriter, r *http.Request, l *listener) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would buffer the events
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	text := &partWriter{w: w}
	text.WriteString("retry: " + strconv.FormatInt((retryMin+rand.N(retryMax-retryMin)).Milliseconds(), 10) + "\n")
	sent := ""
	var ping <-chan time.Time
	if f.relay.cfg.Ping > 0 {
		ticker := time.NewTicker(f.relay.cfg.Ping)
		defer ticker.Stop()
		ping = ticker.C
	}
	for {
		b := l.take()
		if b.slow {
			return // the client returns with its last id
		}
		writeBatch(text, &b, &sent)
		err := text.flush()
		b.release()
		l.missed.release()
		if err != nil {
			return
		}
		if b.ended {
			return
		}
		select {
		case <-l.wake:
		case <-ping:
			text.WriteString(":\n\n")
		case <-r.Context().Done():
			return
		}
	}
}

// writeBatch writes a batch, with the client's position in the last event. If there is no event, it
// writes the position only if it has changed since it was last sent.
func writeBatch(text *partWriter, b *batch, sent *string) {
	idLine := func() {
		if b.id != *sent {
			text.WriteString("id: " + b.id + "\n")
			*sent = b.id
		}
	}
	for i, e := range b.events {
		text.add(e.frame.data)
		if i == len(b.events)-1 && b.reset < 0 {
			idLine()
		}
		text.WriteByte('\n')
	}
	switch {
	case b.reset >= 0:
		data, _ := json.Marshal(resetDelay{b.reset.Milliseconds()})
		text.WriteString("event: reset\ndata: ")
		text.add(data)
		text.WriteByte('\n')
		idLine()
		text.WriteByte('\n')
	case len(b.events) == 0 && (b.id != *sent):
		idLine()
		text.WriteByte('\n')
	}
}

// A partWriter writes a response in parts of about 4 KiB, so a client that does not read takes no
// further memory. Larger pieces are not copied. After an error it writes nothing more.
type partWriter struct {
	bytes.Buffer // what has not been written yet

	w     http.ResponseWriter
	wrote bool // since the last flush
	err   error
}

// partSize is the size of a part.
const partSize = 4 << 10

// add adds a piece.
func (p *partWriter) add(piece []byte) {
	if p.Len()+len(piece) <= partSize {
		p.Write(piece)
		return
	}
	p.send(p.Bytes())
	p.Reset()
	p.send(piece)
}

func (p *partWriter) send(part []byte) {
	if p.err == nil && len(part) > 0 {
		p.wrote = true
		_, p.err = p.w.Write(part)
	}
}

// flush sends what was written since the last flush.
func (p *partWriter) flush() error {
	p.send(p.Bytes())
	if p.Buffer = (bytes.Buffer{}); p.wrote && p.err == nil { // free the buffer: idle listeners should take little memory
		p.wrote = false
		p.err = http.NewResponseController(p.w).Flush()
	}
	return p.err
}
