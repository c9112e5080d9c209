package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/transport"
)

const (
	benchSeconds = 5
	maxCallers   = 10_000
	benchGrace   = time.Second // how long calls in flight may take at the end
	maxKinds     = 20          // of errors counted separately
)

// bench implements n.rpc.orders.get.bench(7, callers=64, seconds=5): it repeats the call from that
// many concurrent callers and returns the latencies and the rate. The other arguments are passed to
// the method.
func (m method) bench(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	callers, seconds := 1, float64(benchSeconds)
	var theirs []starlark.Tuple
	for _, kwarg := range kwargs {
		switch name, _ := starlark.AsString(kwarg[0]); name {
		case "callers":
			n, err := starlark.AsInt32(kwarg[1])
			if err != nil || n < 1 || n > maxCallers {
				return nil, fmt.Errorf("%s: callers=%s: must be an int from 1 to %d", b.Name(), repr(kwarg[1]), maxCallers)
			}
			callers = n
		case "seconds":
			n, ok := starlark.AsFloat(kwarg[1])
			if !ok || !(n > 0 && n <= 86400) {
				return nil, fmt.Errorf("%s: seconds=%s: must be a number over 0, and at most 86400", b.Name(), repr(kwarg[1]))
			}
			seconds = n
		default:
			theirs = append(theirs, kwarg)
		}
	}
	sent, err := arguments(args, theirs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(m.opaque), err)
	}
	line := thread.Local(lineKey).(context.Context)
	ctx, err := m.s.withData(line)
	if err != nil {
		return nil, err
	}
	run := newBenchmark(callers)
	run.run(m.to(ctx), time.Duration(seconds*float64(time.Second)), func(ctx context.Context) error {
		return m.s.Caller.Client(m.service).Call(ctx, m.name, nil, sent...)
	})
	if line.Err() != nil { // Ctrl-C: show what was measured so far
		fmt.Fprintln(m.s.Stdout, run)
	}
	return run, nil
}

// A benchmark holds the measurements of bench.
type benchmark struct {
	opaque
	callers int
	took    time.Duration

	mu sync.Mutex // until the end of run

	times latencies
	errs  map[string]int64 // by kind
	cut   int64            // calls that did not end in time
}

func newBenchmark(callers int) *benchmark {
	return &benchmark{opaque: "bench", callers: callers, errs: map[string]int64{}}
}

// run runs call in all callers for the duration d, or until ctx ends.
func (r *benchmark) run(ctx context.Context, d time.Duration, call func(context.Context) error) {
	var (
		running sync.WaitGroup
		began   = time.Now()
	)
	until, stop := context.WithTimeout(ctx, d)
	defer stop()
	calls, cut := context.WithCancel(ctx)
	defer cut()
	defer context.AfterFunc(until, func() { time.AfterFunc(benchGrace, cut) })()
	for range r.callers {
		running.Go(func() {
			for until.Err() == nil {
				start := time.Now()
				err := call(calls)
				switch {
				case err != nil && calls.Err() != nil:
					r.fail("")
					return
				case err != nil:
					r.fail(kindOf(err))
				default:
					r.add(time.Since(start))
				}
			}
		})
	}
	<-until.Done()
	r.took = time.Since(began)
	running.Wait()
}

func (r *benchmark) add(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times.add(d)
}

// fail counts an error, or a call that was cut off if kind is "".
func (r *benchmark) fail(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kind == "" {
		r.cut++
		return
	}
	if _, known := r.errs[kind]; !known && len(r.errs) >= maxKinds {
		kind = "others"
	}
	r.errs[kind]++
}

// kindOf returns the type of a service's error, or a word for any other error.
func kindOf(err error) string {
	var remote *rpc.Error
	switch {
	case errors.As(err, &remote):
		return printable.Text(clipped(remote.Type, maxName))
	case errors.Is(err, transport.ErrConnectionLost):
		return "connection lost"
	case errors.Is(err, context.DeadlineExceeded):
		return "Timeout"
	}
	return printable.Text(clipped(err.Error(), maxName))
}

// clipped returns the first n characters of s at most.
func clipped(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s
}

// failed returns the number of errors and their kinds, most frequent first.
func (r *benchmark) failed() (n int64, kinds []string) {
	for _, count := range r.errs {
		n += count
	}
	kinds = slices.SortedFunc(maps.Keys(r.errs), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.errs[b], r.errs[a]), strings.Compare(a, b))
	})
	return n, kinds
}

// rate returns the number of successful calls per second.
func (r *benchmark) rate() float64 { return float64(r.times.n) / max(r.took.Seconds(), 1e-9) }

// String returns the figures as a table.
func (r *benchmark) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "calls   %d in %s, callers: %d\n", r.times.n, span(r.took), r.callers)
	fmt.Fprintf(&b, "rate    %.0f/s\n", r.rate())
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}} {
		if r.times.n > 0 {
			fmt.Fprintf(&b, "%s     %s\n", q.name, span(r.times.quantile(q.at)))
		}
	}
	n, kinds := r.failed()
	fmt.Fprintf(&b, "errors  %d", n)
	sep := ":"
	for _, kind := range kinds {
		fmt.Fprintf(&b, "%s %d %s", sep, r.errs[kind], kind)
		sep = ","
	}
	if r.cut > 0 {
		fmt.Fprintf(&b, "\ncut off %d", r.cut)
	}
	return b.String()
}

func (r *benchmark) AttrNames() []string {
	return []string{"calls", "errors", "max", "p50", "p95", "p99", "rate"}
}

// Attr returns a figure. Times are in seconds.
func (r *benchmark) Attr(name string) (starlark.Value, error) {
	switch name {
	case "calls":
		return starlark.MakeInt64(r.times.n), nil
	case "rate":
		return starlark.Float(r.rate()), nil
	case "p50", "p95", "p99", "max":
		at := map[string]float64{"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1}[name]
		return starlark.Float(r.times.quantile(at).Seconds()), nil
	case "errors":
		_, kinds := r.failed()
		d := starlark.NewDict(len(kinds))
		for _, kind := range kinds {
			_ = d.SetKey(starlark.String(kind), starlark.MakeInt64(r.errs[kind])) // the dict is not frozen
		}
		return d, nil
	}
	return nil, starlark.NoSuchAttrError(fmt.Sprintf("bench has no %s; it has %s", name, strings.Join(r.AttrNames(), ", ")))
}

// latencies counts calls by their duration, in buckets that are each 1% wider than the one before.
type latencies struct {
	n       int64
	longest time.Duration
	buckets [2800]int64 // the last one is above 14 days
}

const bucketGrowth = 1.01

func (l *latencies) add(d time.Duration) {
	i := int(math.Log(float64(max(d, 1)/time.Microsecond)+1) / math.Log(bucketGrowth))
	l.buckets[min(i, len(l.buckets)-1)]++
	l.n++
	l.longest = max(l.longest, d)
}

// quantile returns the duration within which a share of the calls ended. It is at most 1% too
// large.
func (l *latencies) quantile(share float64) time.Duration {
	if share >= 1 {
		return l.longest
	}
	rank := int64(math.Ceil(share * float64(l.n)))
	for i, n := range l.buckets {
		if rank -= n; rank <= 0 && l.n > 0 {
			end := (math.Pow(bucketGrowth, float64(i+1)) - 1) * float64(time.Microsecond)
			return min(time.Duration(end), l.longest)
		}
	}
	return l.longest
}
