package runner

import (
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// notify reports the state of the process in lines of sd_notify(3): to systemd, if it started the
// process with Type=notify, or to the process's parent, which tells systemd.
func (n notices) notify(state ...string) {
	if n.parent != nil {
		n.parent.Notify(state...)
		return
	}
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" || !n.systemd {
		return
	}
	conn, err := net.Dial("unixgram", socket) // Go also resolves abstract names, which begin with @
	if err == nil {
		defer conn.Close()
		_, err = conn.Write([]byte(strings.Join(state, "\n")))
	}
	if err != nil {
		n.log.Warn("systemd was not told", "state", state[0], "err", err)
	}
}

// watchdog tells systemd that the process is alive, at half the interval of its WatchdogSec, until
// stop is called. Without a WatchdogSec it does nothing.
func (n notices) watchdog() (stop func()) {
	interval := watchdogInterval()
	if interval == 0 || !n.systemd && n.parent == nil {
		return func() {}
	}
	ended := make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		tick := time.NewTicker(interval / 2)
		defer tick.Stop()
		for {
			n.notify("WATCHDOG=1")
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		teller.Wait()
	}
}

// watchdogInterval returns systemd's WatchdogSec, or 0 if it has none for this process.
func watchdogInterval() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	micros, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || micros <= 0 {
		return 0
	}
	return time.Duration(micros) * time.Microsecond
}
