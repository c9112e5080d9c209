package isolate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Child is this process in its role as a child, which runs methods for its parent.
type Child struct {
	Assignment

	in     *os.File
	parent int // its process id
	level  atomic.Int64

	writing sync.Mutex
	out     *os.File
}

// Join returns this process as a child, or nil if it is not one. The program calls it once, before
// it starts anything.
func Join() (*Child, error) {
	text := os.Getenv(variable)
	if text == "" {
		return nil, nil //nolint:nilnil // most processes are none
	}
	if err := os.Unsetenv(variable); err != nil { // it must not affect processes that this one starts
		return nil, err
	}
	c := &Child{parent: os.Getppid()}
	if err := json.Unmarshal([]byte(text), &c.Assignment); err != nil {
		return nil, fmt.Errorf("%s: %w: unset it", variable, err)
	}
	var err error
	if c.in, c.out, err = inherited(); err != nil {
		return nil, fmt.Errorf("%s: %w: unset it, unless the parent of an isolated method has set it", variable, err)
	}
	if c.Memory > 0 {
		debug.SetMemoryLimit(c.Memory - c.Memory/10) // make the collector work harder before the process is killed
	}
	debug.SetTraceback("crash") // make SIGQUIT print the running goroutines, too
	withoutCore()
	signal.Notify(make(chan os.Signal, 1), endingSignals...) // the parent decides when the child ends
	return c, nil
}

// Logger returns the logger of a child. It sends the records to the parent, which logs them.
func (c *Child) Logger() *slog.Logger {
	return slog.New(&handler{level: &c.level, send: func(r record) { _ = c.send(logKind, r, nil) }})
}

// Fail tells the parent why the child cannot start.
func (c *Child) Fail(err error) { _ = c.write(frame{kind: failedKind, body: []byte(err.Error())}) }

// send writes a frame.
func (c *Child) send(k kind, head any, body []byte) error {
	f, err := newFrame(k, head, body)
	if err != nil {
		return err
	}
	return c.write(f)
}

func (c *Child) write(f frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return f.write(c.out, c.Limit)
}

// Serve runs calls of the container's row, one at a time, until the parent closes the pipe. The
// container must be started.
func (c *Child) Serve(container *service.Container) error {
	s := &serving{Child: c}
	for _, r := range container.Rows() {
		if r.Service+"."+r.Name == c.Row {
			s.row = r
		}
	}
	if s.row == nil {
		return fmt.Errorf("this program has no row %s: started again with the same arguments, it must host the same services", c.Row)
	}
	broker, _ := service.Lookup[transport.Config](container.Host())
	s.codecs, s.decoded = broker.Accepts(), broker.MaxDecoded
	if err := c.send(readyKind, struct{}{}, nil); err != nil {
		return err
	}
	err := s.read()
	go c.watchParent()
	c.level.Store(int64(slog.LevelWarn)) // the parent logs the outcome of each call
	s.cancel(service.ErrStopped)
	s.calls.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// watchParent kills this process and everything that it has started when the parent is gone.
func (c *Child) watchParent() {
	for os.Getppid() == c.parent {
		time.Sleep(10 * time.Millisecond)
	}
	killOwnGroup()
}

// A serving is a child that serves calls.
type serving struct {
	*Child
	row     *service.Row
	codecs  codec.Set
	decoded int

	calls   sync.WaitGroup
	mu      sync.Mutex
	running context.CancelCauseFunc // nil if no call is running
}

// read reads frames from the parent.
func (s *serving) read() error {
	r := bufio.NewReaderSize(s.in, 64<<10)
	for {
		f, err := readFrame(r, s.Limit)
		if err != nil {
			return err
		}
		switch f.kind {
		case callKind:
			err = s.begin(f)
		case cancelKind:
			var x cancellation
			if err = f.read(&x); err == nil {
				s.cancel(x.cause())
			}
		case stacksKind:
			err = s.write(frame{kind: stacksKind, body: stacks()})
		default:
			err = fmt.Errorf("the parent has sent a frame of the kind %q", f.kind)
		}
		if err != nil {
			return err
		}
	}
}

// stacks returns the stacks of all goroutines.
func stacks() []byte {
	text := make([]byte, maxCrash)
	return text[:runtime.Stack(text, true)]
}

// begin begins a call.
func (s *serving) begin(f frame) error {
	var h callHead
	if err := f.read(&h); err != nil {
		return err
	}
	s.level.Store(int64(h.Level))
	ctx, cancel := context.WithCancelCause(context.Background())
	s.mu.Lock()
	busy := s.running != nil
	s.running = cancel
	s.mu.Unlock()
	if busy {
		cancel(nil)
		return errors.New("the parent has sent a call before the last one has ended")
	}
	s.calls.Go(func() {
		result, has, err := s.perform(ctx, &h, f.body)
		s.mu.Lock()
		s.running = nil
		s.mu.Unlock()
		cancel(service.ErrReturned)
		s.answer(result, has, err)
	})
	return nil
}

// cancel cancels the context of the running call.
func (s *serving) cancel(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		s.running(cause)
	}
}

// perform runs a call. If it has a result, perform encodes it.
func (s *serving) perform(ctx context.Context, h *callHead, body []byte) (result []byte, has bool, err error) {
	if h.Left > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, h.Left)
		defer end()
	}
	budget := codec.NewBudget(ctx, s.budget())
	req, err := h.request(s.row, body, s.codecs, budget)
	if err != nil {
		budget.Close()
		return nil, false, err
	}
	req.Noted = func(data []byte) { _ = s.write(frame{kind: noteKind, body: data}) } // a failed write is ignored: notes may be lost with the process anyway
	value, err := s.row.Perform(ctx, req)
	budget.Close()
	if err != nil || s.row.Result() == nil {
		return nil, false, err
	}
	if ended := s.row.Apart(func() { result, err = codecOf(s.codecs, h.Result).Encode(value) }); ended != nil {
		err = ended
	}
	if err != nil {
		err = fmt.Errorf("result cannot be sent: %w", err)
	}
	return result, true, err
}

// budget returns how many bytes the decoded arguments may take. The parent has checked the size of
// the body.
func (s *serving) budget() int {
	if s.decoded > 0 {
		return s.decoded
	}
	return 2 * s.Limit
}

// answer sends the outcome of a call.
func (s *serving) answer(result []byte, has bool, err error) {
	var o outcome
	if err == nil {
		o.Result = has
	} else {
		if ended := s.row.Apart(func() { o.Failure = failureOf(err) }); ended != nil {
			o.Failure = &failure{Text: fmt.Sprintf("%T: %v", err, ended)}
		}
		result = nil
	}
	sent := s.send(outcomeKind, o, result)
	if large := (*tooLargeError)(nil); errors.As(sent, &large) {
		_ = s.send(outcomeKind, outcome{Failure: &failure{Text: "result cannot be sent: " + large.Error()}}, nil)
	}
}
