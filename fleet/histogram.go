package fleet

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram counts durations. Each bucket is an eighth of a power of two wide, so a quantile is at
// most 12.5 % too large. The first bucket holds durations under 1,152 ns, the last those of 68.7
// minutes and more.
type histogram [buckets]atomic.Uint32

const (
	buckets = 8 * 32

	// lowest is the exponent of the first bucket's power of two, in nanoseconds.
	lowest = 10
)

// bucketOf returns the bucket of a duration.
func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	power := bits.Len64(n) - 1
	if power < lowest {
		return 0
	}
	eighth := int(n >> (power - 3) & 7)
	return min(8*(power-lowest)+eighth, buckets-1)
}

// upper returns the duration at which a bucket ends.
func upper(bucket int) time.Duration {
	power, eighth := lowest+bucket/8, bucket%8
	return time.Duration(8+eighth+1) << (power - 3)
}

// quantile returns the duration that this part of the counted durations does not exceed, or 0 if
// none were counted.
func quantile(counts []Bucket, part float64) time.Duration {
	var total uint64
	for _, b := range counts {
		total += b.Count
	}
	var sum uint64
	for _, b := range counts {
		if sum += b.Count; float64(sum) >= part*float64(total) {
			return upper(min(max(b.Index, 0), buckets-1))
		}
	}
	return 0
}

// A Bucket counts calls of about the same duration, which its Index encodes: see
// docs/wire/control.md.
type Bucket struct {
	Index int    `json:"i"`
	Count uint64 `json:"n"`
}

// window is how long durations are counted into one histogram. A reading covers between one and two
// windows.
const window = 30 * time.Second

// A recent holds the durations of the last complete window and of the current one.
type recent struct {
	number atomic.Int64 // of the current window
	counts [2]histogram // by number modulo 2
}

// add counts a duration at a time, measured from the start of the process.
func (r *recent) add(at, d time.Duration) {
	number := int64(at / window)
	r.advance(number)
	r.counts[number%2][bucketOf(d)].Add(1)
}

// advance clears everything older than the window before number. It may lose durations that are
// counted at the same time, but only once per window.
func (r *recent) advance(number int64) {
	was := r.number.Load()
	if number <= was || !r.number.CompareAndSwap(was, number) {
		return
	}
	r.counts[number%2].clear()
	if number > was+1 {
		r.counts[(number+1)%2].clear()
	}
}

func (h *histogram) clear() {
	for i := range h {
		h[i].Store(0)
	}
}

// read returns the buckets that are not empty.
func (r *recent) read(at time.Duration) (counts []Bucket) {
	r.advance(int64(at / window))
	for i := range buckets {
		if n := uint64(r.counts[0][i].Load()) + uint64(r.counts[1][i].Load()); n > 0 {
			counts = append(counts, Bucket{i, n})
		}
	}
	return counts
}

const (
	// rateOver is the number of complete seconds over which a rate is averaged.
	rateOver = 10
	slots    = 16
)

// A meter counts events in each of the last seconds. A slot holds the second, modulo 2^32, and its
// count.
type meter [slots]atomic.Uint64

// add counts an event at a time, measured from the start of the process.
func (m *meter) add(at time.Duration) {
	second := uint64(at/time.Second) & 0xffffffff
	slot := &m[second%slots]
	for {
		was := slot.Load()
		is := was + 1
		if was>>32 != second {
			is = second<<32 | 1
		}
		if slot.CompareAndSwap(was, is) {
			return
		}
	}
}

// rate returns the number of events per second.
func (m *meter) rate(at time.Duration) float64 {
	now := int64(at / time.Second)
	over := min(now, rateOver)
	if over == 0 { // the process has just started
		over, now = 1, 1
	}
	var sum uint64
	for second := now - over; second < now; second++ {
		if v := m[second%slots].Load(); v>>32 == uint64(second)&0xffffffff {
			sum += v & 0xffffffff
		}
	}
	return float64(sum) / float64(over)
}
