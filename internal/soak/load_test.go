package soak_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

// slack is how late a call may end on a busy machine.
const slack = 5 * time.Second

// A load is a number of callers that call continuously.
type load struct {
	sockets sockets
	conns   []*transport.Conn
	callers []*rpc.Caller
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	heap    uint64
	grown   int64

	mu       sync.Mutex
	away     bool      // whether the broker is down
	back     time.Time // when it was last restarted
	outcomes map[string]int
	latest   time.Duration // the longest time between a call's limit and its end
	wrong    []string
}

func newLoad(t *testing.T, uri string, chance *rand.Rand) *load {
	t.Helper()
	l := &load{outcomes: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	t.Cleanup(func() {
		l.wg.Wait()
		_ = l.hangUp(context.Background()) // the second time if the test succeeds
	})
	for range 2 {
		conn, err := transport.Dial(t.Context(), transport.Config{URI: uri, Dial: l.sockets.Dial})
		if err != nil {
			t.Fatal(err)
		}
		l.conns = append(l.conns, conn)
		caller, err := rpc.NewCaller(t.Context(), conn, rpc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		l.callers = append(l.callers, caller)
		for range 25 {
			chance := rand.New(rand.NewPCG(chance.Uint64(), 0))
			l.wg.Go(func() {
				for ctx.Err() == nil {
					l.call(caller.Client("echo"), chance)
				}
			})
		}
	}
	l.heap = heap()
	return l
}

// call makes a random call and checks its outcome. It does not use the context of the load, because
// each call must end without help.
func (l *load) call(echo rpc.Client, chance *rand.Rand) {
	kind := []string{"hasty", "patient", "slow", "fail", "late", "cancelled"}[chance.IntN(6)]
	limit := draw(chance, time.Second)
	if kind == "patient" {
		limit = time.Minute
	}
	begin := time.Now()
	ctx, cancel := context.WithDeadline(context.Background(), begin.Add(limit))
	defer cancel()
	var (
		got  int64
		want = chance.Int64()
		err  error
	)
	switch kind {
	case "hasty", "patient":
		err = echo.Call(ctx, "echo", &got, want, 0)
	case "slow":
		err = echo.Call(ctx, "echo", &got, want, chance.IntN(50))
	case "late":
		err = echo.Call(ctx, "echo", &got, want, limit.Milliseconds()+60_000)
	case "cancelled":
		stop := time.AfterFunc(draw(chance, limit), cancel)
		defer stop.Stop()
		err = echo.Call(ctx, "echo", &got, want, chance.IntN(300))
	case "fail":
		err = echo.Call(ctx, "fail", nil)
	}
	took := time.Since(begin)

	outcome, ok := "", true
	switch {
	case err == nil:
		outcome, ok = "result", got == want && kind != "fail" && kind != "late"
	case errors.Is(err, errFailed):
		outcome, ok = "error", kind == "fail"
	case errors.Is(err, context.Canceled):
		outcome, ok = "cancelled", kind == "cancelled"
	case errors.Is(err, rpc.ErrTimeout):
		// If a service is killed or disconnected, another one runs the call again. If the broker is
		// stopped, a reply may be lost.
		outcome, ok = "timeout", took > limit/2 && (kind != "patient" || l.wasAway(begin))
	case errors.Is(err, rpc.ErrConnectionLost):
		outcome = "connection lost"
	default:
		ok = false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[kind+": "+outcome]++
	l.latest = max(l.latest, took-limit)
	if !ok || took > limit+slack {
		l.wrong = append(l.wrong, fmt.Sprintf("%s with limit %v ended after %v: got %d for %d, %v", kind, limit, took, got, want, err))
	}
}

// without runs end, which stops or kills the broker, and then starts the broker again.
func (l *load) without(node *brokertest.Node, end func()) {
	l.mu.Lock()
	l.away = true
	l.mu.Unlock()
	end()
	node.Start()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.back = false, time.Now()
}

// wasAway reports whether the broker has been down since the given time.
func (l *load) wasAway(since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away || l.back.After(since)
}

// stop ends the load and reports calls with a wrong outcome.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.wg.Wait()
	for i, wrong := range l.wrong {
		if i == 20 {
			t.Errorf("and %d more", len(l.wrong)-i)
			break
		}
		t.Error(wrong)
	}
}

// recovered checks that calls succeed.
func (l *load) recovered(t *testing.T) {
	t.Helper()
	for i, caller := range l.callers {
		ctx, cancel := context.WithTimeout(t.Context(), hosttest.Timeout)
		defer cancel()
		var got int
		if err := caller.Client("echo").Call(ctx, "echo", &got, 7, 0); err != nil || got != 7 {
			t.Errorf("caller %d, after recovery: got %d, %v, want 7", i, got, err)
		}
	}
}

// close closes the connections, and checks that memory has not grown with the number of calls.
func (l *load) close(t *testing.T) {
	t.Helper()
	if l.grown = int64(heap()) - int64(l.heap); l.grown > 32<<20 {
		t.Errorf("memory grew by %d bytes", l.grown)
	}
	ctx, cancel := context.WithTimeout(context.Background(), hosttest.Timeout)
	defer cancel()
	if err := l.hangUp(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// hangUp closes the callers and their connections.
func (l *load) hangUp(ctx context.Context) error {
	var errs []error
	for _, caller := range l.callers {
		errs = append(errs, caller.Close(ctx))
	}
	for _, conn := range l.conns {
		errs = append(errs, conn.Close(ctx))
	}
	return errors.Join(errs...)
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// draw returns a random time between a tenth of limit and limit.
func draw(chance *rand.Rand, limit time.Duration) time.Duration {
	return limit/10 + time.Duration(chance.Int64N(int64(limit-limit/10)))
}
