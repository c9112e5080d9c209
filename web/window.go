package web

import (
	"bytes"
	"container/list"
	"encoding/json"
	"strings"
)

const (
	// maxOrigins limits the origins of the messages in a window, because each takes room in an id.
	maxOrigins = 128

	// maxProgress limits the origins for which a window records what was received and lost.
	maxProgress = 512
)

// An event is sent to the clients of feeds and websockets.
type event struct {
	channel, name string
	data          []byte // JSON
}

// stream returns the event in the format of Server-Sent Events, without the empty line at its end.
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

// entry returns the event as an element of events in the response to a poll.
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
	at     uint64 // its number among the messages of all windows
	size   int
	place  *list.Element // in windows.all
}

// keptOverhead is the memory that a message in a window takes in addition to its event.
const keptOverhead = 200

// windows limits what all windows of a hub hold together. The relay's mutex guards it.
type windows struct {
	maxEvents int // limit for one window
	maxBytes  int // limit for all of them
	bytes     int
	count     uint64
	all       list.List // of *kept, oldest first
}

// A window holds the latest messages of a bucket, from an uninterrupted time of listening. A client
// that returns gets the events that it has missed from it.
type window struct {
	all     *windows
	bucket  uint16
	kept    []*kept // oldest first
	origins map[origin]*progress
	held    int // number of origins with a message in kept

	self   origin // the hub's own origin
	echoed uint64 // the sequence of the hub's latest message that has come back from the broker

	encoded []byte // the encoded vector; nil if it has changed
	id      string // the position of a client of only this bucket; "" if it has changed
}

// A progress is what a window knows about the messages of an origin.
type progress struct {
	first, last uint64 // sequences of received messages
	lost        uint64 // the sequence of the last one that the window does not have; 0 if none
	kept        int
}

// add adds a message. The caller has checked with jumps for a gap before it.
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

// progress returns what is known about an origin. seq is the sequence of a message that was
// received from it.
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

// full reports whether the window records more than maxProgress origins. It must then begin again.
func (w *window) full() bool { return len(w.origins) > maxProgress }

// jumps reports whether the window may lack messages of an origin that were sent before m while the
// process was listening, and records the gap.
func (w *window) jumps(o origin, m *Message) bool {
	p := w.progress(o, m.Seq)
	switch {
	case p.last > 0 && m.Seq > p.last+1: // p.last is 0 if m is the first message
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

// clear empties the window, because the process has missed messages or no longer listens.
func (w *window) clear() {
	for len(w.kept) > 0 {
		w.evict()
	}
	w.kept, w.origins = nil, nil
	w.encoded, w.id = nil, ""
}

// vector returns the part of a position for this bucket, for a client that has received everything.
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

// position returns the position of a client that listens to no other bucket.
func (w *window) position() string {
	if w.id == "" {
		w.id = encodePosition(w.vector())
	}
	return w.id
}

// echo records that a message of the hub has come back, and with it everything that was published
// before.
func (w *window) echo(seq uint64) {
	w.echoed = max(w.echoed, seq)
	w.encoded, w.id = nil, ""
}

// covers reports whether the window has everything that a client has missed.
//
// A message that both the client and this window have received proves that the process was already
// listening when the client's id was made. Messages that the window lacks because they were sent
// earlier had reached the client by then. The mark that a hub sends when it begins to listen is
// such a message, too. Without such a message, others may have been sent in between that this
// process did not receive.
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
