package isolate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/service"
)

// variable is the environment variable that makes a process a child. It contains an Assignment in
// JSON.
const variable = "GOMEKO_ISOLATED"

// An Assignment is what the parent tells a child at its start.
type Assignment struct {
	Row      string        `json:"row"`      // such as "shop.Render"
	Instance string        `json:"instance"` // of the parent
	Broker   string        `json:"broker,omitempty"`
	Memory   int64         `json:"memory,omitempty"`
	Limit    int           `json:"limit"` // bytes of the largest frame
	Grace    time.Duration `json:"grace"`
}

// A process is a child, as its parent sees it.
type process struct {
	pool *pool
	cmd  *exec.Cmd
	in   *os.File // the pipe from which the child reads
	rest *time.Timer

	occupied atomic.Pointer[occupation] // the running call
	crash    crash

	opened  chan struct{}          // closed when the child is ready or has failed to start
	ready   bool                   // set before opened is closed, like failure
	failure string                 // why it cannot start, as reported by the child
	broken  atomic.Pointer[string] // why its frames cannot be read
	swollen atomic.Int64           // bytes of memory for which it was killed
	gone    chan struct{}          // closed when it has ended and all of its output has been read

	closing sync.Once
}

// spawn starts a child and waits until it is ready.
func (s *Server) spawn(p *pool) (*process, error) {
	c := &process{pool: p, opened: make(chan struct{}), gone: make(chan struct{})}
	pipes, err := c.command()
	if err != nil {
		return nil, err
	}
	s.forked(func() { err = c.cmd.Start() })
	for _, theirs := range []*os.File{pipes[0].read, pipes[1].write, pipes[2].write, pipes[3].write} {
		_ = theirs.Close() // the child has its own copy
	}
	if err != nil {
		for _, ours := range []*os.File{pipes[0].write, pipes[1].read, pipes[2].read, pipes[3].read} {
			_ = ours.Close()
		}
		return nil, err
	}
	c.in = pipes[0].write
	go c.follow(pipes[1].read, pipes[2].read, pipes[3].read)
	if err := c.wait(); err != nil {
		return nil, err
	}
	return c, nil
}

// wait waits until a child is ready. It kills a child that does not become ready.
func (c *process) wait() error {
	limit := time.NewTimer(startTime)
	defer limit.Stop()
	failure := ""
	select {
	case <-c.opened:
		if c.ready {
			return nil
		}
	case <-c.gone:
	case <-c.pool.quit:
		failure = service.ErrStopped.Error()
	case <-limit.C:
		failure = fmt.Sprintf("it is not ready after %s", startTime)
	}
	c.kill()
	<-c.gone // nothing more is read, so c.failure does not change
	return errors.New(cmp.Or(failure, c.failure, c.how()))
}

// A pipe is the two ends of a pipe.
type pipe struct{ read, write *os.File }

// command creates the child's command, and its pipes for calls, frames, standard output and
// standard error.
func (c *process) command() (pipes [4]pipe, err error) {
	s := c.pool.Server
	path, err := s.program()
	if err != nil {
		return pipes, err
	}
	memory, _ := c.pool.row.Isolated()
	assignment, err := json.Marshal(Assignment{
		Row: c.pool.row.Service + "." + c.pool.row.Name, Instance: s.host.Instance(), Broker: s.cfg.Broker(), Memory: memory, Limit: s.limits, Grace: s.grace(),
	})
	if err != nil {
		return pipes, err
	}
	for i := range pipes {
		if pipes[i].read, pipes[i].write, err = os.Pipe(); err != nil {
			for _, p := range pipes[:i] {
				err = errors.Join(err, p.read.Close(), p.write.Close())
			}
			return pipes, err
		}
	}
	c.cmd = exec.Command(path, s.cfg.Args...) //nolint:noctx // it ends with its pipes
	c.cmd.Args[0] = os.Args[0]
	c.cmd.ExtraFiles = []*os.File{pipes[0].read, pipes[1].write}
	c.cmd.Stdout, c.cmd.Stderr = pipes[2].write, pipes[3].write
	c.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{variable, "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}, name)
	}), variable+"="+string(assignment))
	c.cmd.SysProcAttr = attributes()
	return pipes, nil
}

// grace returns [Config].Grace.
func (s *Server) grace() time.Duration {
	if s.cfg.Grace > 0 {
		return s.cfg.Grace
	}
	return defaultGrace
}

// lastTime limits the wait for the rest of the output of a process that has ended. A process that
// it started, and that left its process group, may keep the pipes open.
const lastTime = time.Second

// follow reads everything that a child sends, until it has ended.
func (c *process) follow(frames, stdout, stderr *os.File) {
	var readers sync.WaitGroup
	readers.Go(func() { c.receive(frames) })
	readers.Go(func() { c.output("stdout", stdout) })
	readers.Go(func() { c.output("stderr", stderr) })
	_ = c.cmd.Wait() // the status is in ProcessState
	c.killGroup()    // kill what it left running
	for _, f := range []*os.File{frames, stdout, stderr} {
		_ = f.SetReadDeadline(time.Now().Add(lastTime))
	}
	readers.Wait()
	for _, f := range []*os.File{frames, stdout, stderr} {
		_ = f.Close()
	}
	c.close()
	c.crash.flush(c)
	close(c.gone)
	c.pool.gone(c)
}

// receive reads the frames of a child. It does not trust them, because the method may write to any
// file.
func (c *process) receive(from *os.File) {
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		f, err := readFrame(r, c.pool.limits)
		if err == nil {
			err = c.take(f)
		}
		if err != nil {
			if !isEnd(err) {
				text := err.Error()
				c.broken.Store(&text)
				c.kill()
			}
			return
		}
	}
}

// take handles a frame.
func (c *process) take(f frame) error {
	at := c.occupied.Load()
	switch f.kind {
	case readyKind, failedKind:
		select {
		case <-c.opened:
			return errors.New("it said twice that it has started")
		default:
		}
		c.ready = f.kind == readyKind
		if !c.ready {
			c.failure = string(f.body)
		}
		close(c.opened)
	case logKind:
		var line record
		if err := f.read(&line); err != nil {
			return err
		}
		ctx := context.Background()
		if at != nil && line.InCall {
			ctx = at.ctx
		}
		line.log(ctx, c.pool.host.Logger().Handler())
	case noteKind:
		if at != nil {
			at.call.Note(f.body)
		}
	case stacksKind:
		if at != nil {
			select {
			case at.stacks <- string(f.body):
			default:
			}
		}
	case outcomeKind:
		if at == nil {
			return errors.New("it sent an outcome without a call")
		}
		select {
		case at.outcome <- f:
		default:
			return errors.New("it sent two outcomes of a call")
		}
	default:
		return fmt.Errorf("it sent a frame of the kind %q", f.kind)
	}
	return nil
}

// close closes the pipe from which the child reads calls, which makes the child end.
func (c *process) close() { c.closing.Do(func() { _ = c.in.Close() }) }

// kill kills the child and everything that it started.
func (c *process) kill() { c.killGroup() }

// end returns the error for the call that the process ran when it ended. It says how it ended.
func (c *process) end(call *service.IsolatedCall) *service.ProcessError {
	e := &service.ProcessError{Service: call.Service, Row: call.Entry.Name, Detail: c.how()}
	memory, _ := call.Entry.Isolated()
	code, killed := exitOf(c.cmd.ProcessState)
	switch swollen, broken := c.swollen.Load(), c.broken.Load(); {
	case swollen > 0:
		e.Reason, e.Detail = service.ProcessOutOfMemory, fmt.Sprintf("it had %d MiB, and the row has memory:%q", swollen>>20, strconv.FormatInt(memory>>20, 10)+"MiB")
	case broken != nil:
		e.Reason, e.Detail = service.ProcessBroken, *broken
	case c.crash.head() != "":
		e.Reason = service.ProcessCrashed
	case killed:
		e.Reason = service.ProcessKilled
	case code >= 0:
		e.Reason = service.ProcessExited
	default:
		e.Reason = service.ProcessCrashed
	}
	return e
}

// how describes how the process ended: with the main line of its crash output, or its status.
func (c *process) how() string {
	if head := c.crash.head(); head != "" {
		return head
	}
	return c.cmd.ProcessState.String()
}
