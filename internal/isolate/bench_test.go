//go:build unix

package isolate_test

import "testing"

// BenchmarkCall compares the cost of a call in the service's process with that in a child.
func BenchmarkCall(b *testing.B) {
	l := start(b)
	for _, row := range []string{"Direct", "Echo"} {
		b.Run(row, func(b *testing.B) {
			for b.Loop() {
				if _, err := press[string](b.Context(), l, row, "hello"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
