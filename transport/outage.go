package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// outageLog is the interval at which a repeated failure to connect is logged.
const outageLog = time.Minute

// An outage logs the attempts to connect to a broker that is away. A repeated failure is logged
// once a minute, and at level DEBUG in between.
type outage struct {
	logger *slog.Logger
	latest string // the failure that was last logged
	at     time.Time
}

// failed logs a failed attempt.
func (o *outage) failed(message string, err error, args ...any) {
	level, text := slog.LevelDebug, withoutAdvice(err)
	if text != o.latest || time.Since(o.at) >= outageLog {
		level, o.latest, o.at = slog.LevelWarn, text, time.Now()
		text = adviseOnce(err)
	}
	o.logger.Log(context.Background(), level, message, append([]any{"err", text}, args...)...) //nolint:sloglint // a constant of each caller
}

// An advised error also has advice on what to do, which need not be logged twice.
type advised struct {
	err    error
	advice string
}

func (a *advised) Error() string { return a.err.Error() + ": " + a.advice }
func (a *advised) Unwrap() error { return a.err }

// given holds the brokers for which the advice was logged since the latest connection to them,
// because several connections of a process may lose their broker at once.
var given sync.Map

// adviseOnce returns the text of the errors of connect, with advice that was not logged yet.
func adviseOnce(err error) string {
	return texts(err, func(f *DialError, a *advised) bool {
		_, already := given.LoadOrStore(f.Broker, true)
		return !already
	})
}

func withoutAdvice(err error) string {
	return texts(err, func(*DialError, *advised) bool { return false })
}

// texts returns the text of the errors that connect has joined, with the advice where with returns
// true.
func texts(err error, with func(*DialError, *advised) bool) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err.Error()
	}
	var all []string
	for _, err := range joined.Unwrap() {
		var failure *DialError
		var a *advised
		if errors.As(err, &failure) && errors.As(err, &a) && !with(failure, a) {
			all = append(all, failure.Broker+": "+a.err.Error())
		} else {
			all = append(all, err.Error())
		}
	}
	return strings.Join(all, "\n")
}

const (
	waitLog    = 10 * time.Second // how often the log says that a start is waiting
	waitFactor = 4                // the longest wait between attempts to start is backoffMin << waitFactor
)

// await makes the first connection. It tries again for Config.Wait while the broker cannot be
// reached, but not if the broker answers with a refusal.
func (c *Conn) await(ctx context.Context) (*session, error) {
	s, err := c.connect(ctx, 0)
	if err == nil || c.cfg.Wait <= 0 || isRefusal(err) || ctx.Err() != nil {
		return s, err
	}
	limited, cancel := context.WithTimeout(ctx, c.cfg.Wait)
	defer cancel()
	c.log.Warn("waiting for the broker", "err", adviseOnce(err), "limit", c.cfg.Wait)
	began := time.Now()
	logged := began
	for attempt := 0; backoff(limited, min(attempt, waitFactor)); attempt++ {
		s, latest := c.connect(limited, 0)
		if latest == nil {
			given.Delete(s.addr.redacted)
			c.log.Info("the broker is there", "broker", s.addr.redacted, "waited", time.Since(began).Round(time.Millisecond))
			return s, nil
		}
		if limited.Err() == nil {
			err = latest
		}
		if isRefusal(err) {
			return nil, err
		}
		if time.Since(logged) >= waitLog {
			logged = time.Now()
			c.log.Info("still waiting for the broker", "err", withoutAdvice(err), "waited", time.Since(began).Round(time.Second))
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	return nil, fmt.Errorf("the broker was not there within %s: %w", c.cfg.Wait, err)
}

// named returns a logger that names the connection it logs for.
func named(log *slog.Logger, name, purpose string) *slog.Logger {
	if name != "" {
		log = log.With("connection", name)
	}
	if purpose != "" {
		log = log.With("purpose", purpose)
	}
	return log
}

// refused logs, once for each session, that the broker refuses something that it accepted before.
// The operation is tried again until somebody fixes the cause.
func (c *Conn) refused(message, what string, err error, args ...any) {
	key := what + err.Error()
	c.mu.Lock()
	level := slog.LevelError // it needs an operator
	if c.refusals[key] {
		level = slog.LevelDebug
	}
	c.refusals[key] = true
	c.mu.Unlock()
	c.log.Log(context.Background(), level, message, append(args, "err", err)...) //nolint:sloglint // a constant of each caller
}
