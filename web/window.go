package web

import (
	"bytes"
	"container/list"
	"encoding/json"
	"strings"
)

const (
	// maxOrigins is of how many origins a window has messages: an id has each of them.
	maxOrigins = 128

	// maxProgress is of how many origins a window knows what it has lost.
	maxProgress = 512
)

// An event is one that is sent to the clients of feeds.
type event struct {
	channel, name string
	data          []byte // JSON
}

// stream returns the event in the format of Server-Sent Events, without the empty line that ends
// it.
func (e *event) stream() []byte {
	var b bytes.Buffer
	if e.name != "" {
		b.WriteString("event: ")
		b.WriteString(oneLine.Replace(e.name))
		b.WriteByte('\n')
	}
	for line := range strings.Lines(lineEnds.Replace(string(e.data)) + "\n") {
		b.WriteString("data: ")
		b.WriteString(line)
	}
	return b.Bytes()
}

var (
	lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	oneLine  = strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ")
)

// entry returns the event as an element of a poll's events.
func (e *event) entry() polledEvent { return polledEvent{e.channel, e.name, e.data} }

// A polledEvent is an event in the response to a poll.
type polledEvent struct {
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Data    json.RawMessage `json:"data"`
}

// A kept is a message in a window.
type kept struct {
	window *window
	origin origin
	seq    uint64
	event  *event // nil for a mark
	at     uint64 // counts the messages of all windows
	size   int
	place  *list.Element // in windows.all
}

// keptOverhead is the memory of a message in a window besides its event.
const keptOverhead = 200

// windows has what the windows of a hub hold together. The relay's mutex guards it.
type windows struct {
	maxEvents int // in one window
	maxBytes  int // in all of them
	bytes     int
	count     uint64
	all       list.List // of *kept, oldest first
}

// A window has the latest messages of a bucket, since the process listens to it without a break.
// From there a client that returns gets what it has missed.
type window struct {
	all     *windows
	bucket  uint16
	kept    []*kept // oldest first
	origins map[origin]*progress
	held    int // origins with a message in kept

	self   origin // of the hub
	echoed uint64 // the hub's latest message that has come back from the broker

	encoded []byte // the vector; nil if it has changed
	id      string // the position of a client of this bucket alone; "" if it has changed
}

// A progress is what a window knows of the messages of an origin.
type progress struct {
	first, last uint64 // that were received
	lost        uint64 // the last one that the window has not, or no longer has; 0 if there is none
	kept        int
}

// add adds a message, which is the origin's next one as far as jumps knows.
func (w *window) add(o origin, seq uint64, e *event) {
	p := w.progress(o, seq)
	p.last = seq
	if p.kept++; p.kept == 1 {
		w.held++
	}
	w.all.count++
	k := &kept{window: w, origin: o, seq: seq, event: e, at: w.all.count, size: keptOverhead}
	if e != nil {
		k.size += len(e.channel) + len(e.name) + len(e.data)
	}
	k.place = w.all.all.PushBack(k)
	w.all.bytes += k.size
	w.kept = append(w.kept, k)
	w.encoded, w.id = nil, ""
	for len(w.kept) > w.all.maxEvents || w.held > maxOrigins {
		w.evict()
	}
	for w.all.bytes > w.all.maxBytes && w.all.all.Len() > 0 {
		w.all.all.Front().Value.(*kept).window.evict()
	}
}

// progress returns what is known of an origin, whose message seq has been received.
func (w *window) progress(o origin, seq uint64) *progress {
	p := w.origins[o]
	if p == nil {
		if w.origins == nil {
			w.origins = map[origin]*progress{}
		}
		p = &progress{first: seq}
		w.origins[o] = p
	}
	return p
}

// full reports whether the window knows so many origins that it has to begin again.
func (w *window) full() bool { return len(w.origins) > maxProgress }

// jumps reports whether the window may lack messages of an origin that were sent before m while the
// process was listening, and notes that.
func (w *window) jumps(o origin, m *Message) bool {
	p := w.progress(o, m.Seq)
	switch {
	case p.last > 0 && m.Seq > p.last+1: // p.last is 0 if m is the first one
		p.lost = m.Seq - 1
	case m.Gap > 0 && m.Gap < p.first:
		p.lost = max(p.lost, p.first-1)
	default:
		return false
	}
	return true
}

// evict drops the oldest message.
func (w *window) evict() {
	k := w.kept[0]
	w.kept[0] = nil
	w.kept = w.kept[1:]
	w.all.all.Remove(k.place)
	w.all.bytes -= k.size
	p := w.origins[k.origin]
	p.lost = max(p.lost, k.seq)
	if p.kept--; p.kept == 0 {
		w.held--
	}
	w.encoded, w.id = nil, ""
}

// clear empties the window: the process has not listened for a while, or does no longer.
func (w *window) clear() {
	for len(w.kept) > 0 {
		w.evict()
	}
	w.kept, w.origins = nil, nil
	w.encoded, w.id = nil, ""
}

// vector returns how far a client has heard the bucket that has heard everything, as a part of a
// position.
func (w *window) vector() []byte {
	if w.encoded == nil {
		v := make(vector, w.held)
		for o, p := range w.origins {
			if p.kept > 0 {
				v[o] = p.last
			}
		}
		h := heard{vector: v}
		if v[w.self] > w.echoed {
			h.ahead = w.self
		}
		w.encoded = h.encode(w.bucket)
	}
	return w.encoded
}

// position is the position of a client that listens to this bucket alone.
func (w *window) position() string {
	if w.id == "" {
		w.id = encodePosition(w.vector())
	}
	return w.id
}

// echo notes that a message of the hub itself has come back, behind all that was published before.
func (w *window) echo(seq uint64) {
	w.echoed = max(w.echoed, seq)
	w.encoded, w.id = nil, ""
}

// covers reports whether the window has everything that a client has missed.
//
// One message that both the client and this window have received proves that the process listened
// already when the client's id was made: what the window has not got, because it was sent before,
// had reached the client by then. The mark that a hub sends when it begins to listen is such a
// message, too. Otherwise nothing is known of what was sent in between.
func (w *window) covers(h heard) bool {
	v, proven := h.vector, false
	for o, seq := range v {
		if p := w.origins[o]; (o != h.ahead || o == w.self) && p != nil && p.first <= seq && seq <= p.last {
			proven = true
		}
	}
	for o, p := range w.origins {
		seq, known := v[o]
		if seq < p.lost || known && seq+1 < p.first {
			return false
		}
	}
	return proven
}
