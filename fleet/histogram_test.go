package fleet

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomeko/gomeko/service"
)

// TestHistogram compares quantiles with those of the exact durations.
func TestHistogram(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var r recent
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(1) << random.IntN(40)
		d += time.Duration(random.Int64N(int64(d)))
		all = append(all, d)
		r.add(time.Second, d)
	}
	slices.Sort(all)
	counts := r.read(time.Second)
	for _, part := range []float64{0, 0.5, 0.99, 1} {
		want := all[min(int(part*float64(len(all))), len(all)-1)]
		if got := quantile(counts, part); got < want && want >= 1024 || float64(got) > max(1.2*float64(want), 1200) {
			t.Errorf("quantile %v: got %s, want about %s", part, got, want)
		}
	}
	if b := bucketOf(1 << 62); b != buckets-1 || bucketOf(-1) != 0 || quantile(nil, 0.5) != 0 {
		t.Errorf("got the bucket %d for the longest duration, want the last", b)
	}
	if got := r.read(time.Second + window); len(got) != len(counts) {
		t.Errorf("got %d buckets after a window, want %d", len(got), len(counts))
	}
	if got := r.read(time.Second + 2*window); len(got) != 0 {
		t.Errorf("got %d buckets after two windows, want none", len(got))
	}
}

func TestMeter(t *testing.T) {
	t.Parallel()
	var m meter
	for second := range 100 {
		for range second {
			m.add(time.Duration(second)*time.Second + time.Millisecond)
		}
	}
	for at, want := range map[time.Duration]float64{100 * time.Second: 94.5, 105 * time.Second: 48.5, 200 * time.Second: 0, 0: 0} {
		if got := m.rate(at); got != want {
			t.Errorf("after %s: got a rate of %v, want %v", at, got, want)
		}
	}
}

// BenchmarkTally measures the overhead of statistics per call, and checks that they do not
// allocate.
func BenchmarkTally(b *testing.B) {
	tally := newTally()
	row := new(service.Row)
	tally.rows[row] = new(rowTally)
	o := tally.observer()
	ctx, c := context.Background(), service.ObservedCall{Entry: row, Began: time.Now(), Started: true, Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		o.CallBegan(ctx, c)
		o.CallStarted(ctx, c)
		o.CallEnded(ctx, c)
	}
	if n := testing.AllocsPerRun(100, func() { o.CallEnded(ctx, c) }); n > 0 {
		b.Errorf("got %v allocations, want none", n)
	}
}
