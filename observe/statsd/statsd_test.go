package statsd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/observe/statsd"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/servicetest"
)

// names returns the metrics without the numbers of timers, sorted and without duplicates.
func names(metrics []string) []string {
	var all []string
	for _, m := range metrics {
		if name, rest, _ := strings.Cut(m, ":"); strings.Contains(rest, "|ms") && !strings.HasSuffix(name, "picked") {
			_, kind, _ := strings.Cut(rest, "|")
			m = name + ":…|" + kind
		}
		all = append(all, m)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// provoke makes a call that succeeds, one that is rejected and one that panics.
func provoke(t testing.TB, orders rpc.Client) {
	t.Helper()
	if err := orders.Call(t.Context(), "create_order", nil, "tea|and\nmilk", 3); err != nil {
		t.Fatal(err)
	}
	if err := orders.Call(t.Context(), "create_order", nil); err == nil {
		t.Fatal("a call without arguments succeeded")
	}
	if err := orders.Call(t.Context(), "break", nil); err == nil {
		t.Fatal("a call that panics succeeded")
	}
}

func TestMetrics(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  statsd.Config
		last string
		want []string
	}{
		"plain": {
			cfg: statsd.Config{Prefix: "shop."},
			want: []string{
				"shop.orders.break:…|ms",
				"shop.orders.break_count:1|c",
				"shop.orders.break_fault:1|c",
				"shop.orders.create_order:…|ms",
				"shop.orders.create_order_count:1|c",
				"shop.orders.create_order_rejected:1|c",
				"shop.orders.created:1|c",
				"shop.orders.items:3|c",
				"shop.orders.picked:1.5|ms",
				"shop.orders.stock.left:-2.5|g",
				"shop.orders.stock.left:0|g",
			},
		},
		"tags": {
			cfg: statsd.Config{Tags: true},
			want: []string{
				"created:1|c|#service:orders,product:tea_and_milk",
				"gomeko.call:…|ms|#service:orders,method:break,kind:rpc,outcome:fault",
				"gomeko.call:…|ms|#service:orders,method:create_order,kind:rpc,outcome:ok",
				"gomeko.call:…|ms|#service:orders,method:create_order,kind:rpc,outcome:rejected",
				"gomeko.calls:1|c|#service:orders,method:break,kind:rpc,outcome:fault",
				"gomeko.calls:1|c|#service:orders,method:create_order,kind:rpc,outcome:ok",
				"gomeko.calls:1|c|#service:orders,method:create_order,kind:rpc,outcome:rejected",
				"items:3|c|#service:orders",
				"picked:1.5|ms|#service:orders",
				"stock.left:-2.5|g|#service:orders",
				"stock.left:0|g|#service:orders",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := listen(t)
			test.cfg.Address, test.cfg.Flush = to.address(), time.Millisecond
			h := servicetest.New(t, new(Orders), statsd.Module(test.cfg))
			provoke(t, h.Client("orders"))
			want := test.want
			got := names(to.until("break"))
			for !slices.Equal(got, want) && len(got) < len(want) {
				got = names(append(got, to.until("")...))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// Metrics in memory are sent before the process ends.
func TestFlushAtStop(t *testing.T) {
	to := listen(t)
	stopped := t.Run("process", func(t *testing.T) {
		h := servicetest.New(t, new(Orders), statsd.Module(statsd.Config{Address: to.address(), Flush: time.Hour}))
		for range 200 { // several packets
			if err := h.Client("orders").Call(t.Context(), "create_order", nil, "tea"); err != nil {
				t.Fatal(err)
			}
		}
	})
	if !stopped {
		t.FailNow()
	}
	counted := 0
	for counted < 200 {
		for _, m := range to.until("") {
			if m == "orders.create_order_count:1|c" {
				counted++
			}
		}
	}
}

// Nothing is sent without the module or without an address, and a service can be tested without
// either.
func TestOff(t *testing.T) {
	for name, options := range map[string][]any{
		"no module":  nil,
		"no address": {statsd.Module(statsd.Config{})},
	} {
		t.Run(name, func(t *testing.T) {
			h := servicetest.New(t, append(options, new(Orders))...)
			if err := h.Client("orders").Call(t.Context(), "create_order", nil, "tea"); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, err := new(Orders).CreateOrder(t.Context(), "tea", 1); err != nil {
		t.Error(err)
	}
}

// Numbers that StatsD does not accept, and metrics that do not fit into a packet, are dropped.
func TestUnsendable(t *testing.T) {
	to := listen(t)
	h := servicetest.New(t, new(Orders), statsd.Module(statsd.Config{Address: to.address(), Flush: time.Millisecond}))
	if err := h.Client("orders").Call(t.Context(), "odd", nil); err != nil {
		t.Fatal(err)
	}
	for _, m := range to.until("big") {
		if strings.Contains(m, "bad") || strings.Contains(m, "long") {
			t.Errorf("got %s", m)
		}
	}
}
