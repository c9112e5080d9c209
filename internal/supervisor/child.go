//go:build unix

package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A child is a process of a supervisor.
type child struct {
	slot  *slot
	cmd   *exec.Cmd
	conn  *net.UnixConn
	began time.Time
	ready bool // only used by the supervisor's goroutine

	alive atomic.Int64 // when it last said that it is alive, in nanoseconds since 1970
	fault string       // what it said before it failed; only read after it has ended
}

// startChild starts a process for a slot.
func (s *Supervisor) startChild(at *slot) (*child, error) {
	program := s.cfg.Program()
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	assignment, err := json.Marshal(Assignment{at.number, s.cfg.Procs, s.cfg.Broker})
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	cmd := exec.Command(program.Path, program.Args...) //nolint:noctx // it ends by a signal
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdout, os.Stderr, []*os.File{theirs}
	cmd.Env = append(without(program.Environ, "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", variable), variable+"="+string(assignment))
	if s.cfg.Watchdog > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("WATCHDOG_USEC=%d", s.cfg.Watchdog.Microseconds()))
	}
	if s.cfg.As != nil {
		cmd.Env = append(cmd.Env, s.cfg.As.Environ...)
	}
	cmd.SysProcAttr = attributes(s.cfg.As)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	c := &child{slot: at, cmd: cmd, conn: ours, began: time.Now()}
	s.readers.Go(func() { s.follow(c) })
	return c, nil
}

// without returns the environment without the named variables.
func without(environ []string, names ...string) (kept []string) {
next:
	for _, variable := range environ {
		for _, name := range names {
			if strings.HasPrefix(variable, name+"=") {
				continue next
			}
		}
		kept = append(kept, variable)
	}
	return kept
}

// drainTime is how long to wait for the last lines of a process after its end.
const drainTime = time.Second

// follow reads what a process says until it has ended, and then tells the supervisor.
func (s *Supervisor) follow(c *child) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(c.conn)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.take(c, lines.Text())
		}
	}()
	_ = c.cmd.Wait() // the status is in ProcessState
	_ = c.conn.SetReadDeadline(time.Now().Add(drainTime))
	<-read
	_ = c.conn.Close()
	s.events <- event{ended, c, nil}
}

// take handles a line from a process.
func (s *Supervisor) take(c *child, line string) {
	switch name, value, _ := strings.Cut(line, "="); name {
	case "READY":
		c.alive.Store(time.Now().UnixNano())
		s.events <- event{ready, c, nil}
	case "WATCHDOG":
		c.alive.Store(time.Now().UnixNano())
	case "ERROR":
		_ = json.Unmarshal([]byte(value), &c.fault) // on an error, the exit status has to suffice
	case "LISTEN":
		var r request
		err := json.Unmarshal([]byte(value), &r)
		if err == nil {
			err = s.listen(c, r)
		}
		if err != nil {
			_ = answer(c.conn, reply{Error: err.Error(), InUse: errors.Is(err, syscall.EADDRINUSE)})
		}
	}
}

// listen sends a process the socket that it has asked for.
func (s *Supervisor) listen(c *child, r request) error {
	s.sockets.Lock()
	defer s.sockets.Unlock()
	socket := s.open[r]
	if socket == nil {
		l, err := s.cfg.Listen(r.Network, r.Address)
		if err != nil {
			return err
		}
		if l.Addr().Network() == "unix" {
			if err := s.cfg.As.own(l.Addr().String()); err != nil {
				l.Close()
				return err
			}
		}
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			l.Close()
			return err
		}
		socket = &shared{l, file}
		s.open[r] = socket
	}
	return answer(c.conn, reply{file: socket.file})
}

// A shared is a listening socket of the supervisor, which does not accept connections from it.
type shared struct {
	net.Listener

	file *os.File
}

// end describes how the process ended, including what it said before.
func (c *child) end() string {
	state := c.cmd.ProcessState.String()
	if c.fault != "" {
		return state + ": " + c.fault
	}
	return state
}

// signal sends a signal.
func (c *child) signal(sig os.Signal) { _ = c.cmd.Process.Signal(sig) } // it may have ended already
