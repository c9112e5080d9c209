package statsd

import (
	"context"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// observe sends the metrics of the container's calls. It is the [service.Extension] of [Module].
func observe(h *service.Host) error {
	s, err := service.Shared(h, newSender)
	if err != nil || s.cfg.Address == "" {
		return err
	}
	m := &metrics{sender: s, rows: make(map[*service.Row]*row)}
	return h.Observe(service.Observer{
		Bound:     m.bound,
		CallEnded: m.callEnded,
		Retried:   func(_ context.Context, f service.Failure) { m.count(m.rows[f.Entry].retried, 1) },
		Parked:    func(_ context.Context, f service.Failure) { m.count(m.rows[f.Entry].parked, 1) },
		Dropped:   func(_ context.Context, f service.Failure) { m.count(m.rows[f.Entry].dropped, 1) },
		Disconnected: func(c service.Connection) {
			if c.Err != nil {
				m.count(m.lost, 1)
			}
		},
		TicksMissed: func(r *service.Row, n int) { m.count(m.rows[r].missed, n) },
	})
}

// metrics holds the metrics of a container's calls.
type metrics struct {
	sender *sender
	rows   map[*service.Row]*row // complete when Bound has returned
	lost   series                // connections to the broker
}

// A series is the name and the tags of a metric. It is made once, so a call only copies it.
type series struct{ name, tags string }

// A row holds the series of a row.
type row struct {
	took, calls                      [service.Outcomes]series
	failed                           [service.Outcomes]series // without tags; the one for success is not sent
	waited                           series
	retried, parked, dropped, missed series
}

func (m *metrics) bound(h *service.Host) {
	m.lost = series{name: m.sender.cfg.Prefix + "gomeko.broker_disconnects"}
	for _, r := range h.Rows() {
		m.rows[r] = m.row(r)
	}
}

// row returns the series of a row. With tags, a name is like gomeko.calls; without, like
// orders.get_order_count.
func (m *metrics) row(r *service.Row) *row {
	owner, method := clean(r.Service), clean(r.CallName())
	x := new(row)
	if m.sender.cfg.Tags {
		tags := "service:" + owner + ",method:" + method + ",kind:" + clean(r.Kind())
		named := func(name string) series { return series{m.sender.cfg.Prefix + name, tags} }
		for o := range service.Outcomes {
			outcome := ",outcome:" + service.Outcome(o).String()
			x.took[o], x.calls[o] = named("gomeko.call"), named("gomeko.calls")
			x.took[o].tags += outcome
			x.calls[o].tags += outcome
		}
		x.waited, x.retried, x.parked = named("gomeko.call_wait"), named("gomeko.retries"), named("gomeko.dead_letters")
		x.dropped, x.missed = named("gomeko.dropped"), named("gomeko.timer_ticks_missed")
		return x
	}
	named := func(suffix string) series {
		return series{name: m.sender.cfg.Prefix + owner + "." + strings.ReplaceAll(method, ".", "_") + suffix}
	}
	for o := range service.Outcomes {
		x.took[o], x.calls[o], x.failed[o] = named(""), named("_count"), named("_"+service.Outcome(o).String())
	}
	x.waited, x.retried, x.parked = named("_wait"), named("_retried"), named("_parked")
	x.dropped, x.missed = named("_dropped"), named("_missed")
	return x
}

func (m *metrics) callEnded(_ context.Context, c service.ObservedCall) {
	x := m.rows[c.Entry]
	m.count(x.calls[c.Outcome], 1)
	if c.Outcome != service.OK && !m.sender.cfg.Tags {
		m.count(x.failed[c.Outcome], 1)
	}
	if c.Waited > 0 {
		m.send(x.waited, timing(c.Waited))
	}
	if c.Started {
		m.send(x.took[c.Outcome], timing(c.Duration))
	}
}

func (m *metrics) count(s series, n int) { m.send(s, value{kind: "c", number: float64(n)}) }

func (m *metrics) send(s series, v value) { m.sender.add("", s.name, v, s.tags, nil) }
