package runner

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// oneSignal is the time within which two signals count as one. A terminal and a parent process that
// forwards its signals may both send it.
const oneSignal = 500 * time.Millisecond

// A stopped is the cause of a ctx that was ended by a signal.
type stopped struct{ signal os.Signal }

func (s stopped) Error() string { return s.signal.String() + " signal" }

// stopSignals are the signals that stop a process in order. SIGHUP arrives when the terminal is
// closed; a process started with nohup ignores it.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// untilSignals returns a ctx that ends at the first signal, and a channel that is closed at the
// second. release stops listening for signals.
func untilSignals(parent context.Context, stop ...os.Signal) (ctx context.Context, kill <-chan struct{}, release func()) {
	signals, second, released := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancelCause(parent)
	signal.Notify(signals, stop...)
	var listener sync.WaitGroup
	listener.Go(func() {
		var first time.Time
		for {
			select {
			case s := <-signals:
				if first.IsZero() {
					first = time.Now()
					cancel(stopped{s})
				} else if time.Since(first) > oneSignal {
					close(second)
					return
				}
			case <-released:
				return
			}
		}
	})
	return ctx, second, func() {
		signal.Stop(signals)
		close(released)
		listener.Wait()
		cancel(nil)
	}
}

// surviveReaders makes a write to a pipe without a reader fail, for the rest of the process's life.
// Otherwise, SIGPIPE would kill a program whose standard output or error is such a pipe, and
// systemd would take that for an orderly end. A service continues without its log.
func surviveReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
