package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/id"
	"github.com/gomeko/gomeko/transport"
)

// A sender is the producing end of a stream. A goroutine sends the items in parts: each part has
// the items that were made while the one before was sent. It sends no more parts than the reader
// can hold.
type sender struct {
	cfg     Config
	conn    *transport.Conn
	publish func(context.Context, transport.Publishing, func(error)) error
	to      requestID // the reader's queue, and the correlation id
	from    string    // where the reader sends credits
	run     string
	codec   codec.Codec
	begun   func()        // called when the first part leaves
	first   func()        // called when the broker has the first part
	fail    func(error)   // ends the ctx of the producer; it must not block
	work    chan struct{} // has a token when there may be something to send
	room    chan struct{} // has a token when there may be room for an item
	opened  chan struct{} // of an argument: closed when its reader is known; nil for a result
	done    chan struct{} // closed when the goroutine has ended

	mu sync.Mutex

	running  bool      // the goroutine was started
	batch    []any     // items that wait
	size     int       // of them, in bytes
	items    int       // that were added
	closing  bool      // no more will be added
	onWay    []int     // the sizes of the parts that the reader has not taken
	bytes    int       // the sum of them
	seq      int       // the number of the next part
	unasked  int       // parts since the last one that asks for a credit
	since    int       // the bytes of those parts
	heard    time.Time // when the reader was last heard of
	moved    time.Time // when the reader last took a part, or the window became full
	full     bool
	accepted bool  // the broker has the first part
	err      error // why the stream has ended early
}

// newSender returns a sender that publishes with publish. Set its callbacks before using it.
func newSender(cfg Config, conn *transport.Conn, to requestID, from string, c codec.Codec, publish func(context.Context, transport.Publishing, func(error)) error) *sender {
	return &sender{
		cfg: cfg, conn: conn, to: to, from: from, codec: c, publish: publish, run: id.New(""),
		begun: func() {}, first: func() {}, fail: func(error) {},
		work: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// started reports whether a part has left.
func (s *sender) started() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq > 0
}

// add adds an item. It waits until there is room for it.
func (s *sender) add(ctx context.Context, item any) error {
	value, size, err := codec.Freeze(s.codec, item)
	if err != nil {
		return fmt.Errorf("item %d: %w", s.items, err)
	}
	limit := s.conn.MaxMessage() - partHead
	if size > limit {
		return fmt.Errorf("item %d of the stream: %w", s.items, &codec.TooLarge{Size: size, Limit: limit})
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if added, err := s.put(ctx, value, size, limit); added || err != nil {
			return err
		}
		select {
		case <-s.room:
		case <-ctx.Done():
		}
	}
}

// partHead is an upper bound for the bytes of a part besides its items.
const partHead = partItems + 64

// put adds an item if there is room for it.
func (s *sender) put(ctx context.Context, value any, size, limit int) (added bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := len(s.batch) == partItems || len(s.batch) > 0 && s.size+size > min(partBytes, limit)
	if s.err != nil || full {
		return false, s.err
	}
	if !s.running {
		s.running = true
		go s.loop(ctx)
	}
	s.batch, s.size, s.items = append(s.batch, value), s.size+size, s.items+1
	notify(s.work)
	return true, nil
}

// flush waits until all items have left.
func (s *sender) flush() error {
	s.mu.Lock()
	s.closing = true
	running := s.running
	s.mu.Unlock()
	notify(s.work)
	if running {
		<-s.done // soon after the end of ctx
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// stop ends the goroutine if it still runs, because the producer has ended.
func (s *sender) stop(why error) {
	s.abort(why)
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running {
		<-s.done
	}
}

// loop sends the items in parts until there are no more, or the stream has ended.
func (s *sender) loop(ctx context.Context) {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p, wait, more := s.part()
		if p != nil {
			if p.Headers[seqHeader] == int64(0) {
				s.begun()
			}
			notify(s.room)
			if err := s.publish(ctx, *p, s.settled); err != nil {
				s.abort(err)
			}
			continue
		}
		if !more {
			return
		}
		timer.Reset(wait)
		select {
		case <-s.work:
		case <-timer.C:
		case <-ctx.Done():
			s.abort(context.Cause(ctx))
		}
	}
}

// part returns the next part if there are items and the reader has room for it. Otherwise it
// returns how long to wait for a credit, and whether to wait at all.
func (s *sender) part() (p *transport.Publishing, wait time.Duration, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.expire(now)
	if s.err != nil || s.closing && len(s.batch) == 0 {
		return nil, 0, false
	}
	open := len(s.onWay) < s.cfg.streamParts() && s.bytes < s.cfg.streamBytes()
	if full := !open && len(s.batch) > 0; full != s.full {
		s.full, s.moved = full, now
	}
	if !open || len(s.batch) == 0 {
		return nil, s.wait(now), true
	}
	body, err := s.codec.Encode(replyBody{Result: s.batch})
	if err != nil {
		s.err = err
		return nil, 0, false
	}
	if s.seq == 0 {
		s.heard = now
	}
	s.onWay, s.bytes = append(s.onWay, s.size), s.bytes+s.size
	s.unasked, s.since = s.unasked+1, s.since+s.size
	headers := transport.Table{seqHeader: int64(s.seq), runHeader: s.run}
	if s.unasked >= max(1, s.cfg.streamParts()/2) || s.since >= s.cfg.streamBytes()/2 {
		s.unasked, s.since, headers[askHeader] = 0, 0, true
	}
	s.seq++
	clear(s.batch)
	s.batch, s.size = s.batch[:0], 0
	m := s.message(body, headers)
	return &m, 0, true
}

// message returns a part.
func (s *sender) message(body []byte, headers transport.Table) transport.Publishing {
	return transport.Publishing{
		Exchange:     s.cfg.exchange(),
		Key:          s.to.ReplyTo,
		Mandatory:    true,
		Compressible: true, // only gomeko reads parts
		Properties: transport.Properties{
			Type:            partType,
			ContentType:     s.codec.ContentType(),
			ContentEncoding: s.codec.ContentEncoding(),
			CorrelationID:   s.to.CorrelationID,
			ReplyTo:         s.from,
			Headers:         headers,
		},
		Body: body,
	}
}

// expire ends the stream if its reader is gone or takes no parts. The caller holds mu.
func (s *sender) expire(now time.Time) {
	idle := s.cfg.streamIdle()
	switch {
	case s.err != nil || s.seq == 0:
	case now.Sub(s.heard) >= missed*s.cfg.beat():
		s.endWith(ErrReaderGone.WithText(fmt.Sprintf("the reader of the stream was not heard of for %s", missed*s.cfg.beat())))
	case s.full && idle > 0 && now.Sub(s.moved) >= idle:
		s.endWith(ErrStreamIdle.WithText(fmt.Sprintf("the reader of the stream took no part for %s", idle)))
	}
}

// wait returns the time after which expire may end the stream. The caller holds mu.
func (s *sender) wait(now time.Time) time.Duration {
	wait := missed * s.cfg.beat()
	if s.seq > 0 {
		wait -= now.Sub(s.heard)
	}
	if idle := s.cfg.streamIdle(); s.full && idle > 0 {
		wait = min(wait, idle-now.Sub(s.moved))
	}
	return max(wait, time.Millisecond)
}

// endWith ends the stream early. The caller holds mu.
func (s *sender) endWith(err error) {
	if s.err == nil {
		s.err = err
		s.fail(err)
		notify(s.work)
		notify(s.room)
	}
}

// abort ends the stream early.
func (s *sender) abort(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endWith(err)
}

// settled receives the outcome of publishing a part. It does not block.
func (s *sender) settled(err error) {
	s.mu.Lock()
	first := err == nil && !s.accepted
	s.accepted = s.accepted || first
	if err != nil {
		s.endWith(partError(err))
	}
	s.mu.Unlock()
	if first {
		s.first()
	}
}

// partError returns the error of a stream one of whose parts the broker did not take.
func partError(err error) error {
	var returned *transport.Returned
	if errors.As(err, &returned) {
		return ErrReaderGone.WithText("the queue of the stream's reader does not exist any more")
	}
	return fmt.Errorf("%w: a part may be lost: %w", errInterrupted, err)
}

// credited takes a credit of the reader.
func (s *sender) credited(d *transport.Delivery) {
	taken, ok := whole(d.Headers[takenHeader])
	if run, _ := d.Headers[runHeader].(string); run != s.run || !ok {
		return
	}
	now := time.Now()
	s.mu.Lock()
	s.heard = now
	for len(s.onWay) > 0 && s.seq-len(s.onWay) < taken {
		s.bytes -= s.onWay[0]
		s.onWay = s.onWay[1:]
		s.moved = now
	}
	s.mu.Unlock()
	notify(s.work)
}

// last sends the last part, with the error of the stream, and waits until the broker has it.
func (s *sender) last(ctx context.Context, err error) error {
	headers := originOf(err)
	if headers == nil {
		headers = transport.Table{}
	}
	s.mu.Lock()
	headers[seqHeader], headers[runHeader], headers[countHeader] = int64(s.seq), s.run, int64(s.items)
	s.mu.Unlock()
	body, _ := encodeReply(s.codec, []any{}, err)
	confirmed := make(chan error, 1)
	if err := s.publish(ctx, s.message(body, headers), func(err error) { confirmed <- err }); err != nil {
		return err
	}
	select {
	case err := <-confirmed:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
