package isolate

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// A Config configures [Serve].
type Config struct {
	Path string   // of the program; "" means this program
	Args []string // the command line without the path

	// Broker returns the URI of the broker that this process or its parent hosts, or "" if neither
	// does.
	Broker func() string

	// Grace is how long a method may take to return after its context has ended, and how long its
	// process may then take to print its stacks. 0 means 1 s.
	Grace time.Duration
}

const (
	defaultGrace = time.Second
	minLimit     = 64 << 20 // bytes of the largest frame
)

// A Server manages the children of a container, in a pool for each row with isolate:"process". It
// starts before the entrypoints, and stops after all calls have ended.
type Server struct {
	cfg    Config
	host   *service.Host
	codecs codec.Set
	limits int // bytes of the largest frame
	pools  []*pool
	ready  atomic.Bool // Start has returned

	forks chan func()
	over  chan struct{} // closed when the forking thread has ended
	ends  sync.Once
}

// Serve returns an extension that runs the methods of isolated rows in children. On systems without
// process groups it does nothing, and the methods run in this process.
func Serve(cfg Config) service.Extension {
	return func(h *service.Host) error {
		if !Supported {
			return nil
		}
		for _, r := range h.Rows() {
			if _, ok := r.Isolated(); !ok || r.LeftOut() {
				continue
			}
			s, err := service.Shared(h, func(h *service.Host) (*Server, error) { return newServer(h, cfg), nil })
			if err != nil {
				return err
			}
			p := newPool(s, r)
			s.pools = append(s.pools, p)
			r.Isolate(p)
		}
		return nil
	}
}

func newServer(h *service.Host, cfg Config) *Server {
	broker, _ := service.Lookup[transport.Config](h)
	return &Server{cfg: cfg, host: h, codecs: broker.Accepts(), limits: max(minLimit, 4*broker.MaxMessage), forks: make(chan func()), over: make(chan struct{})}
}

// Start starts the first child of each pool, all at once.
func (s *Server) Start(ctx context.Context) error {
	go s.fork()
	errs := make([]error, len(s.pools))
	var all sync.WaitGroup
	for i, p := range s.pools {
		all.Go(func() { errs[i] = p.start(ctx) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		s.Kill()
		return err
	}
	s.ready.Store(true)
	return nil
}

// fork starts the processes. It runs on one thread, which ends after all children have, because the
// kernel kills a child when the thread that started it ends.
func (s *Server) fork() {
	defer close(s.over)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for start := range s.forks {
		start()
	}
}

// forked runs fn on the forking thread.
func (s *Server) forked(fn func()) {
	done := make(chan struct{})
	s.forks <- func() {
		defer close(done)
		fn()
	}
	<-done
}

// Stop ends the children in an orderly way. It kills those that are left when ctx ends.
func (s *Server) Stop(ctx context.Context) error {
	var all sync.WaitGroup
	for _, p := range s.pools {
		all.Go(func() { p.stop(ctx) })
	}
	all.Wait()
	s.end()
	return nil
}

// Kill kills the children.
func (s *Server) Kill() {
	for _, p := range s.pools {
		p.kill()
	}
	for _, p := range s.pools {
		p.starts.Wait()
	}
	s.end()
}

// end ends the forking thread.
func (s *Server) end() {
	s.ends.Do(func() { close(s.forks) })
	<-s.over
}

// program returns the path of the program that children run.
func (s *Server) program() (string, error) {
	if s.cfg.Path != "" {
		return s.cfg.Path, nil
	}
	if runtime.GOOS == "linux" { // this path works even if the file was replaced or deleted
		return "/proc/self/exe", nil
	}
	return os.Executable()
}
