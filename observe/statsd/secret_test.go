package statsd_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/servicetest"
)

// The content of a call is never sent, neither in names nor in tags, whether it is sensitive or
// not.
func TestSecrets(t *testing.T) {
	const card, product, method = "4111-1111-1111-1111", "secret-product", "secret_method"
	for _, tags := range []bool{false, true} {
		to := listen(t)
		h := servicetest.New(t, new(Orders), statsd.Module(statsd.Config{Address: to.address(), Tags: tags, Flush: time.Millisecond}))
		orders := h.Client("orders")
		for _, attempt := range []func() error{
			func() error { return orders.Call(t.Context(), "pay", nil, card) },          // its error contains the argument
			func() error { return orders.Call(t.Context(), "pay", nil, card, product) }, // does not fit
			func() error { return orders.Call(t.Context(), method, nil, card) },         // no such method
			func() error { return orders.Call(t.Context(), "break", nil) },              // the last
		} {
			if err := attempt(); err == nil {
				t.Fatal("the call succeeded")
			}
		}
		for _, m := range to.until("break") {
			for _, secret := range []string{card, product, method} {
				if strings.Contains(m, secret) {
					t.Errorf("%s has %s", m, secret)
				}
			}
		}
	}
}
