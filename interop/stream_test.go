package interop_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
)

// CountUp yields numbers.
func (*GoPeer) CountUp(_ context.Context, n int) (iter.Seq2[int, error], error) {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if n == 13 {
			yield(0, errUnlucky)
		}
	}, nil
}

// AddUp takes numbers one by one.
func (*GoPeer) AddUp(_ context.Context, numbers iter.Seq2[int, error]) (sum int, err error) {
	for n, err := range numbers {
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

var errUnlucky = rpc.NewError("builtins.ValueError", "unlucky")

// streams has Python call methods that stream: it gets a list, and sends one. Go reads streams of
// Python, and through it, as it does those of Go.
func (f *fixture) streams(t *testing.T) {
	for _, test := range []struct {
		name, service, method string
		args                  []any
		want                  string
	}{
		{"a list of a stream", "go_peer", "count_up", list(3), "[0,1,2]"},
		{"an empty one", "go_peer", "count_up", list(0), "[]"},
		{"a list in place of one", "go_peer", "add_up", list(list(1, 2, 3)), "6"},
		{"by way of Python", "python_peer", "relay", list(list("go_peer"), "count_up", list(3)), "[0,1,2]"},
	} {
		told := f.python.call(t, call{Service: test.service, Method: test.method, Args: test.args})[0]
		var got any
		if err := codec.JSON.Decode([]byte(told.JSON), &got); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if text, err := codec.JSON.Encode(got); err != nil || string(text) != test.want {
			t.Errorf("%s: Python got %s, %v, want %s", test.name, text, err, test.want)
		}
	}
	for name, path := range map[string][]string{
		"Go, Python, Go":         {"python_peer", "go_peer"},
		"Go, Go":                 {"go_peer"},
		"Go, Python, Python, Go": {"python_peer", "python_peer", "go_peer"},
	} {
		var got []int
		var err error
		read := rpc.Stream[int](t.Context(), f.caller.Client(path[0]), "count_up", 3)
		if len(path) > 1 {
			read = rpc.Stream[int](t.Context(), f.caller.Client(path[0]), "relay", path[1:], "count_up", list(3))
		}
		for n, failure := range read {
			if err = failure; err == nil {
				got = append(got, n)
			}
		}
		if err != nil || !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("%s: got %v, %v, want 0 to 2", name, got, err)
		}
	}
	for _, err := range rpc.Stream[int](t.Context(), f.caller.Client("python_peer"), "relay", list("go_peer"), "count_up", list(13)) {
		if err == nil || err.Error() != "RemoteError: ValueError unlucky" && !errors.Is(err, errUnlucky) {
			t.Errorf("Go, Python, Go: got %v, want the error of the stream", err)
		}
	}
}
