package secret_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/secret"
)

// BenchmarkMask masks a typical log text that contains no secret.
func BenchmarkMask(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		secret.Mask("orders.create_order.2c761635-2139-48be-a697-0e267c4a3816")
	}
}
