package fleet

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/service"
)

// Stats is the answer of a process to the verb stats, gomeko.stats/v1.
type Stats struct {
	Host     string         `json:"host"`
	PID      int            `json:"pid"`
	Started  time.Time      `json:"started"`
	URL      string         `json:"url,omitempty"` // of its HTTP routes
	Services []ServiceStats `json:"services"`

	// Jobs is the store of jobs, an object with the members store and id, as in the answer to info.
	// It is nil if the process has no store.
	Jobs any `json:"jobs,omitempty"`
}

// ServiceStats counts the calls of a service in one process.
type ServiceStats struct {
	Service string     `json:"service"`
	Workers int        `json:"workers"` // calls that may run at once
	Rows    []RowStats `json:"rows"`
}

// RowStats counts the calls of a row.
type RowStats struct {
	Row      string            `json:"row"`
	Method   string            `json:"method"`
	Kind     string            `json:"kind"`     // the package of the row's type: rpc, events, web
	Running  int64             `json:"running"`  // calls that hold a worker
	Waiting  int64             `json:"waiting"`  // calls that wait for a worker
	Outcomes map[string]uint64 `json:"outcomes"` // calls that ended since the process started, by outcome
	Rate     float64           `json:"rate"`     // calls that ended per second, over the last ten seconds
	Recent   []Bucket          `json:"recent"`   // calls that ended in the last 30 to 60 s, by duration
}

// Calls returns how many calls have ended.
func (s *RowStats) Calls() (n uint64) {
	for _, count := range s.Outcomes {
		n += count
	}
	return n
}

// Errors returns how many calls have ended with a fault or a timeout.
func (s *RowStats) Errors() uint64 {
	return s.Outcomes[service.OutcomeFault.String()] + s.Outcomes[service.OutcomeTimeout.String()]
}

// Quantile returns the duration that this part of the recent calls, such as 0.99, did not exceed.
// It is at most an eighth too large.
func (s *RowStats) Quantile(part float64) time.Duration { return quantile(s.Recent, part) }

// Add adds the statistics of the same row in another process.
func (s *RowStats) Add(other *RowStats) {
	s.Running += other.Running
	s.Waiting += other.Waiting
	s.Rate += other.Rate
	outcomes := make(map[string]uint64, len(s.Outcomes))
	for _, all := range []map[string]uint64{s.Outcomes, other.Outcomes} {
		for outcome, n := range all {
			outcomes[outcome] += n
		}
	}
	s.Outcomes = outcomes
	var counts [buckets]uint64
	for _, all := range [][]Bucket{s.Recent, other.Recent} {
		for _, b := range all {
			counts[min(max(b.Index, 0), buckets-1)] += b.Count
		}
	}
	s.Recent = nil
	for i, n := range counts {
		if n > 0 {
			s.Recent = append(s.Recent, Bucket{i, n})
		}
	}
}

// A tally counts the calls of a process, as its observer.
type tally struct {
	began time.Time
	rows  map[*service.Row]*rowTally // complete when New returns
	order []*service.Row
}

// A rowTally counts the calls of a row, without locks and without allocating.
type rowTally struct {
	running, waiting atomic.Int64
	outcomes         [service.Outcomes]atomic.Uint64
	meter            meter
	recent           recent
}

func newTally() *tally { return &tally{began: time.Now(), rows: map[*service.Row]*rowTally{}} }

// observer returns the observer that counts calls.
func (t *tally) observer() service.Observer {
	return service.Observer{
		Bound: func(h *service.Host) {
			t.order = h.Rows()
			for _, r := range t.order {
				t.rows[r] = new(rowTally)
			}
		},
		CallBegan: func(ctx context.Context, c service.ObservedCall) context.Context {
			if row := t.rows[c.Entry]; row != nil {
				row.waiting.Add(1)
			}
			return ctx
		},
		CallStarted: func(_ context.Context, c service.ObservedCall) {
			if row := t.rows[c.Entry]; row != nil {
				row.waiting.Add(-1)
				row.running.Add(1)
			}
		},
		CallEnded: func(_ context.Context, c service.ObservedCall) {
			row := t.rows[c.Entry]
			if row == nil {
				return
			}
			if !c.Started {
				row.waiting.Add(-1)
			} else {
				row.running.Add(-1)
			}
			row.outcomes[c.Outcome].Add(1)
			at := c.Began.Sub(t.began) + c.Waited + c.Duration // without reading the clock again
			row.meter.add(at)
			if c.Started {
				row.recent.add(at, c.Duration)
			}
		},
	}
}

// read returns the statistics of the services that a request asks about.
func (t *tally) read(h *service.Host, only string) (all []ServiceStats) {
	at := time.Since(t.began)
	for _, name := range h.Names() {
		if only != "" && name != only {
			continue
		}
		s := ServiceStats{Service: name, Workers: h.Workers(), Rows: []RowStats{}}
		for _, r := range t.order {
			if r.Service == name {
				s.Rows = append(s.Rows, t.rows[r].read(r, at))
			}
		}
		all = append(all, s)
	}
	return all
}

func (t *rowTally) read(r *service.Row, at time.Duration) RowStats {
	s := RowStats{
		Row: r.Name, Method: r.CallName(), Kind: r.Kind(),
		Running: t.running.Load(), Waiting: t.waiting.Load(),
		Outcomes: map[string]uint64{}, Rate: t.meter.rate(at), Recent: t.recent.read(at),
	}
	for i := range t.outcomes {
		if n := t.outcomes[i].Load(); n > 0 {
			s.Outcomes[service.Outcome(i).String()] = n
		}
	}
	return s
}

// stats answers the verb stats.
func (p *plane) stats(_ context.Context, r control.Request) (any, error) {
	return Stats{
		Host: p.machine, PID: p.pid, Started: p.tally.began, URL: p.url(),
		Services: p.tally.read(p.host, r.Service), Jobs: control.Of(p.host).Part("jobs"),
	}, nil
}
