//go:build unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// A Config configures a [Supervisor].
type Config struct {
	// Program returns what the process that is about to be started runs.
	Program func() Program

	Procs   int // number of processes
	Respawn Rate

	// Lasting keeps the supervisor running if its processes cannot be started or die too often. It
	// then waits for Roll.
	Lasting bool

	Broker string // see Assignment
	As     *Credential

	// Listen opens the sockets that the processes ask for.
	Listen func(network, address string) (net.Listener, error)

	// Grace is how long a process may take to stop before it is killed.
	Grace time.Duration

	// Watchdog is the time within which a process must say that it is alive, or it is killed. 0
	// disables the check.
	Watchdog time.Duration

	// Tell reports events to people, in line, and to the log.
	Tell func(line, msg string, attrs ...any)

	// Ready is called when all processes are ready for the first time.
	Ready func()
}

// A Failure is the unexpected end of a process.
type Failure struct {
	Process int
	How     string // its exit state and what it said

	// Begun reports whether any process has been ready. If not, the program cannot start.
	Begun bool

	// Shown reports whether the process has said what is wrong. It then has also printed it.
	Shown bool
}

func (f *Failure) Error() string { return fmt.Sprintf("process %d: %s", f.Process, f.How) }

// A Supervisor keeps processes running. Use [New] to create one.
type Supervisor struct {
	cfg     Config
	slots   []*slot
	events  chan event
	over    chan struct{} // closed when Run returns
	rolls   chan struct{}
	readers sync.WaitGroup
	deaths  tally

	sockets sync.Mutex
	open    map[request]*shared

	running  map[*child]bool // processes that have not ended; true for those that were told to stop
	rolling  int             // number of the process that is being replaced; 0 if none
	again    bool            // roll again after this roll
	once     bool            // a process has been ready
	told     bool            // Ready has been called
	stopping bool
	failure  error
}

// A slot is the place for one process.
type slot struct {
	number  int
	serving *child      // nil while it waits for a restart
	joining *child      // replaces serving once it is ready
	restart *time.Timer // nil unless it waits for a restart
	deaths  int         // number of deaths in a row
}

// An event is something that the supervisor's goroutine handles.
type event struct {
	kind  kind
	child *child
	slot  *slot
}

type kind int

const (
	ready kind = iota
	ended
	due   // time to restart the process
	tardy // the process has not stopped within the grace period
)

// New returns a supervisor.
func New(cfg Config) *Supervisor {
	s := &Supervisor{
		cfg: cfg, deaths: tally{Rate: cfg.Respawn}, events: make(chan event), over: make(chan struct{}), rolls: make(chan struct{}, 1),
		open: map[request]*shared{}, running: map[*child]bool{},
	}
	for n := range cfg.Procs {
		s.slots = append(s.slots, &slot{number: n + 1})
	}
	return s
}

// Roll replaces the processes with new ones, one at a time: each stops when its successor is ready.
// If a successor fails before that, the old process stays. Roll does not wait.
func (s *Supervisor) Roll() {
	select {
	case s.rolls <- struct{}{}:
	default: // a roll is pending already
	}
}

// Run starts the processes and keeps them running until ctx ends, which stops them in an orderly
// way. Closing kill kills them. If the first process fails before it is ready, or processes die
// more often than Config.Respawn allows, Run stops the others and returns the last error.
func (s *Supervisor) Run(ctx context.Context, kill <-chan struct{}) error {
	runtime.LockOSThread() // a process gets its signal for the parent's death when the thread that started it ends
	defer runtime.UnlockOSThread()
	defer s.close()
	s.start(s.slots[0])
	var check <-chan time.Time
	if s.cfg.Watchdog > 0 {
		tick := time.NewTicker(s.cfg.Watchdog / 2)
		defer tick.Stop()
		check = tick.C
	}
	stop := ctx.Done()
	for len(s.running) > 0 || !s.stopping {
		select {
		case e := <-s.events:
			s.handle(e)
		case <-s.rolls:
			s.roll()
		case <-check:
			s.checkAlive()
		case <-stop:
			stop = nil
			s.stop()
		case <-kill:
			s.stop()
			kill = nil
			for c := range s.running {
				c.signal(syscall.SIGKILL)
			}
			s.failure = errors.New("killed by a second signal: unfinished calls go back to the broker")
		}
	}
	return s.failure
}

// close waits for the readers and closes the sockets.
func (s *Supervisor) close() {
	close(s.over)
	s.readers.Wait()
	for _, socket := range s.open {
		_ = socket.file.Close()
		_ = socket.Close()
	}
}

func (s *Supervisor) handle(e event) {
	switch e.kind {
	case ready:
		s.isReady(e.child)
	case ended:
		s.hasEnded(e.child)
	case due:
		if e.slot.restart != nil && !s.stopping {
			e.slot.restart = nil
			s.start(e.slot)
		}
	case tardy:
		if _, runs := s.running[e.child]; runs {
			s.tell(e.child.slot, "has not stopped in time and is killed", "process killed")
			e.child.signal(syscall.SIGKILL)
		}
	}
}

func (s *Supervisor) tell(at *slot, line, msg string, attrs ...any) {
	s.cfg.Tell(fmt.Sprintf("process %d %s", at.number, line), msg, append([]any{"process", at.number}, attrs...)...)
}

// start starts the process of a slot that has none.
func (s *Supervisor) start(at *slot) {
	c, err := s.startChild(at)
	if err != nil {
		s.died(at, time.Time{}, err.Error(), false)
		return
	}
	at.serving, s.running[c] = c, false
}

func (s *Supervisor) isReady(c *child) {
	if c.ready {
		return
	}
	c.ready = true
	if s.stopping {
		return
	}
	at := c.slot
	if c == at.joining {
		old := at.serving
		at.serving, at.joining, at.deaths = c, nil, 0
		if old != nil {
			s.end(old) // the roll continues when it has ended
		} else {
			s.rollOn()
		}
	}
	if !s.once {
		s.once = true
		for _, other := range s.slots[1:] {
			s.start(other)
		}
	}
	for _, at := range s.slots {
		if at.serving == nil || !at.serving.ready {
			return
		}
	}
	if !s.told {
		s.told = true
		s.cfg.Ready()
	}
}

// end tells a process to stop.
func (s *Supervisor) end(c *child) {
	if s.running[c] {
		return
	}
	s.running[c] = true
	c.signal(syscall.SIGTERM)
	s.after(s.cfg.Grace, event{tardy, c, nil})
}

// after sends the event after d, unless Run has returned by then.
func (s *Supervisor) after(d time.Duration, e event) *time.Timer {
	return time.AfterFunc(d, func() {
		select {
		case s.events <- e:
		case <-s.over:
		}
	})
}

// inOrder reports whether a process that was told to stop has stopped properly. If it was not ready
// yet, it may report that it was stopped while starting, or the signal may have ended it; that is
// harmless if any process has been ready before.
func (s *Supervisor) inOrder(c *child) bool {
	status, _ := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() != syscall.SIGTERM
	return c.cmd.ProcessState.Success() || s.once && !c.ready && !killed
}

func (s *Supervisor) hasEnded(c *child) {
	told := s.running[c]
	delete(s.running, c)
	at := c.slot
	switch {
	case told:
		if !s.inOrder(c) {
			s.tell(at, "has not stopped in order: "+c.end(), "process not stopped in order", "err", c.end())
			if s.stopping && s.failure == nil {
				s.failure = fmt.Errorf("process %d has not stopped in order: %s", at.number, c.end())
			}
		}
		if at.serving == c { // it was told to stop when its successor had not started
			at.serving = nil
		}
		if !s.stopping {
			s.rollOn()
		}
	case c == at.joining:
		at.joining, s.rolling = nil, 0
		switch {
		case at.serving != nil:
			s.tell(at, "cannot be replaced: "+c.end()+": the old one stays", "process not replaced", "err", c.end())
		case s.cfg.Lasting:
			s.tell(at, "has not started: "+c.end(), "process not started", "err", c.end())
		default:
			s.died(at, c.began, c.end(), c.fault != "")
		}
		s.rollAgain()
	case c == at.serving:
		at.serving = nil
		s.died(at, c.began, c.end(), c.fault != "")
	}
}

// died handles the death of a process: it restarts the process, or gives up.
func (s *Supervisor) died(at *slot, began time.Time, how string, shown bool) {
	if s.stopping {
		return
	}
	failure := &Failure{at.number, how, s.once, shown}
	if at.joining != nil {
		s.tell(at, "has ended: "+how+": its successor starts already", "process ended", "err", how)
		return
	}
	switch many := s.deaths.add(time.Now()); {
	case !s.once && s.cfg.Lasting:
		s.tell(at, "has not started: "+how, "process not started", "err", how)
	case !s.once:
		s.fail(failure)
	case many && s.cfg.Lasting:
		s.tell(at, fmt.Sprintf("has ended: %s: more than %s: it is not started again", how, s.deaths.String()), "process ended too often", "err", how)
	case many:
		s.fail(fmt.Errorf("processes died more than %d times within %s: %w", s.deaths.Deaths, s.deaths.Within, failure))
	default:
		lived := time.Since(began)
		if began.IsZero() {
			lived = 0
		}
		if lived > s.cfg.Respawn.Within {
			at.deaths = 0
		}
		at.deaths++
		delay := s.cfg.Respawn.delay(at.deaths, lived)
		s.tell(at, fmt.Sprintf("has ended: %s: starting it again", how), "process ended", "err", how, "lived", lived.Round(time.Millisecond), "delay", delay)
		at.restart = s.after(delay, event{due, nil, at})
	}
}

// fail records the failure and stops the other processes.
func (s *Supervisor) fail(err error) {
	s.failure = err
	s.stop()
}

// stop tells all processes to stop.
func (s *Supervisor) stop() {
	s.stopping = true
	for _, at := range s.slots {
		if at.restart != nil {
			at.restart.Stop()
			at.restart = nil
		}
	}
	for c := range s.running {
		s.end(c)
	}
}

// roll begins to replace the processes.
func (s *Supervisor) roll() {
	switch {
	case s.stopping:
	case s.rolling > 0:
		s.again = true
	default:
		s.deaths.deaths = nil
		s.replace(1)
	}
}

// replace starts the successor of a process.
func (s *Supervisor) replace(number int) {
	at := s.slots[number-1]
	s.rolling = number
	if at.restart != nil {
		at.restart.Stop()
		at.restart = nil
	}
	c, err := s.startChild(at)
	if err != nil {
		s.rolling = 0
		s.tell(at, "cannot be replaced: "+err.Error()+": the old one stays", "process not replaced", "err", err)
		return
	}
	at.joining, s.running[c] = c, false
}

// rollOn replaces the next process, or ends the roll.
func (s *Supervisor) rollOn() {
	switch {
	case s.rolling == 0 || s.slots[s.rolling-1].joining != nil:
	case s.again: // from the beginning, because the replaced ones are out of date again
		s.rolling = 0
		s.rollAgain()
	case s.rolling < len(s.slots) && s.once:
		s.replace(s.rolling + 1)
	default:
		s.rolling = 0
		s.cfg.Tell("all processes were replaced", "processes replaced", "processes", len(s.slots))
	}
}

func (s *Supervisor) rollAgain() {
	if s.again && !s.stopping {
		s.again = false
		s.roll()
	}
}

// checkAlive kills the processes that have not said for too long that they are alive.
func (s *Supervisor) checkAlive() {
	for c, told := range s.running {
		if last := time.Unix(0, c.alive.Load()); c.ready && !told && time.Since(last) > s.cfg.Watchdog {
			s.tell(c.slot, "does not respond and is killed", "process does not respond", "last", last)
			c.signal(os.Kill)
		}
	}
}
