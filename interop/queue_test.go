package interop_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/rpc"
)

// queue has calls from both languages served by instances in both: x in Python, x in Go, and
// another x in Go, which stops halfway, share one queue. Every call runs once and gets the right
// answer.
func (f *fixture) queue(t *testing.T) {
	const many = 1000
	leaving := f.serve(t, &X{ran: f.ran})
	asked := make([]call, many/2)
	for n := range asked {
		asked[n] = call{Service: "x", Method: "double", Args: list(n)}
	}
	answers := f.python.start(t, asked...)

	by := map[string]int{}
	numbers := make([]int, many/2)
	for i := range numbers {
		numbers[i] = many/2 + i
	}
	n := many / 2
	ask := func(ctx context.Context, n int) (d double, err error) {
		err = f.caller.Client("x").Call(ctx, "double", &d, n)
		return d, err
	}
	for got, err := range rpc.Parallel(t.Context(), 20, numbers, ask) {
		if err != nil || got.N != 2*n {
			t.Errorf("call %d: got %+v, %v", n, got, err)
		}
		by[got.By]++
		if n++; n == many*3/4 {
			if err := leaving.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	for n, o := range answers(t) {
		var got double
		if err := json.Unmarshal([]byte(o.JSON), &got); err != nil || got.N != 2*n {
			t.Errorf("call %d: got %s", n, o)
		}
		by[got.By]++
	}
	if by["python"] == 0 || by["go"] == 0 || by["python"]+by["go"] != many {
		t.Errorf("got %v answered, want some by each, %d in all", by, many)
	}

	var doubled []int
	if err := f.caller.Client("python_peer").Call(t.Context(), "doubled", &doubled); err != nil {
		t.Fatal(err)
	}
	f.ran.mu.Lock()
	defer f.ran.mu.Unlock()
	ran := slices.Sorted(slices.Values(slices.Concat(doubled, f.ran.numbers)))
	for n := range many {
		if n >= len(ran) || ran[n] != n {
			t.Fatalf("got %d calls run, not each of %d once: %v", len(ran), many, ran)
		}
	}
	t.Logf("%d calls: %v answered, each run once", many, by)
}
