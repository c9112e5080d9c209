package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

// An entry is what was measured of a contestant in a scenario, round by round.
type entry struct {
	samples []sample
}

// A sample is one measurement. Costs are per call.
type sample struct {
	rate           float64 // calls a second, or deliveries
	p50, p99       time.Duration
	client, server spent
	broker         time.Duration // CPU
}

// spent is what a process spends on a call.
type spent struct {
	cpu    time.Duration
	allocs float64
}

// A team is a contestant whose processes run.
type team struct {
	contestant

	client, server *process
	uri            string // of the broker, or of the server where there is none
	brokerPID      int    // 0 is none
}

// measure runs a group: its teams take turns in every round, in an order that changes.
func (s *session) measure(ctx context.Context, g *group) (err error) {
	if g.own != nil {
		g.text, err = g.own(s)
		return err
	}
	g.entries = map[string]*entry{}
	var teams []*team
	defer func() {
		for _, t := range teams {
			t.stop()
		}
	}()
	for _, c := range g.contestants {
		t, err := s.start(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		teams = append(teams, t)
		for _, at := range g.scenarios {
			g.entries[key(at.name, c.name)] = &entry{}
		}
		warm := g.scenarios[0].order
		warm.Duration = s.duration / 4
		if _, err := t.measure(warm); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range s.rounds {
		for _, at := range g.scenarios {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d: %s\n", g.title, round+1, s.rounds, at.name)
			for i := range teams {
				t := teams[(i+round)%len(teams)]
				if ctx.Err() != nil {
					return ctx.Err()
				}
				o := at.order
				o.Duration = s.duration
				one, err := t.measure(o)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", at.name, t.name, err)
				}
				e := g.entries[key(at.name, t.name)]
				e.samples = append(e.samples, one)
			}
		}
	}
	return nil
}

// start starts the processes of a contestant.
func (s *session) start(c contestant) (*team, error) {
	uri, pid, err := s.brokers.get(c.broker)
	if err != nil {
		return nil, err
	}
	database, err := s.databases.get(c.store)
	if err != nil {
		return nil, err
	}
	if c.generated {
		if c.program, err = s.generated(); err != nil {
			return nil, err
		}
	}
	t := &team{contestant: c, brokerPID: pid, uri: uri}
	if t.server, err = s.play(c, c.server, uri, database); err != nil {
		return nil, err
	}
	if c.broker == "" {
		t.uri = t.server.ready.URI
	}
	if t.client, err = s.play(c, c.client, t.uri, database); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// play starts the process of a role.
func (s *session) play(c contestant, role []string, uri, database string) (*process, error) {
	args := []string{uri}
	if c.store != "" {
		args = append(args, database)
	}
	args = append(args, role[1:]...)
	if c.python() {
		return launch("nameko "+role[1], exec.Command(python, "peer.py", role[1], uri))
	}
	return start(c.program, s.profile, role[0], args...)
}

func (t *team) stop() {
	for _, p := range []*process{t.client, t.server} {
		if p != nil {
			p.stop()
		}
	}
}

// measure has the team carry out one order.
func (t *team) measure(o order) (sample, error) {
	before, err := t.usage(0)
	if err != nil {
		return sample{}, err
	}
	r, err := t.client.do(o)
	if err != nil {
		return sample{}, err
	}
	awaited := before.handled + int64(r.Calls*t.copies)
	after, err := t.usage(awaited)
	for err == nil && after.handled < awaited { // until all is delivered
		time.Sleep(time.Millisecond)
		after, err = t.usage(awaited)
	}
	if err != nil {
		return sample{}, err
	}
	calls := r.Calls
	if t.copies > 0 {
		calls *= t.copies
		r.Elapsed = after.at.Sub(before.at)
	}
	by := func(from, to uint64) float64 { return float64(to-from) / float64(calls) }
	return sample{
		rate:   float64(calls) / r.Elapsed.Seconds(),
		p50:    r.P50,
		p99:    r.P99,
		client: spent{(after.client - before.client) / time.Duration(calls), by(before.clientAllocs, after.clientAllocs)},
		server: spent{(after.server - before.server) / time.Duration(calls), by(before.serverAllocs, after.serverAllocs)},
		broker: (after.broker - before.broker) / time.Duration(calls),
	}, nil
}

// usage is what a team's processes have spent since they began.
type usage struct {
	at                         time.Time
	client, server, broker     time.Duration
	clientAllocs, serverAllocs uint64
	handled                    int64
}

func (t *team) usage(awaited int64) (usage, error) {
	u := usage{at: time.Now()}
	served, serverErr := t.server.do(order{Awaited: awaited})
	called, clientErr := t.client.do(order{})
	u.handled, u.serverAllocs, u.clientAllocs = served.Handled, served.Allocs, called.Allocs
	var errs [3]error
	u.client, errs[0] = cpu(t.client.pid())
	u.server, errs[1] = cpu(t.server.pid())
	if t.brokerPID != 0 {
		u.broker, errs[2] = cpu(t.brokerPID)
	}
	return u, cmp.Or(serverErr, clientErr, errs[0], errs[1], errs[2])
}

// A figure is one of those of a sample.
type figure struct {
	name string
	of   func(sample) float64
	less bool // is better
}

var (
	rate     = figure{"rate", func(s sample) float64 { return s.rate }, false}
	p50      = figure{"p50", func(s sample) float64 { return float64(s.p50) }, true}
	totalCPU = figure{"CPU", func(s sample) float64 { return float64(s.client.cpu + s.server.cpu + s.broker) }, true}
)

// median returns the median of what f tells of the samples.
func (e *entry) median(f func(sample) float64) float64 {
	values := make([]float64, len(e.samples))
	for i, s := range e.samples {
		values[i] = f(s)
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// A ratio is that of two contestants inside the same rounds, or a figure of one of them.
type ratio struct{ median, min, max float64 }

// over returns e's ratio to base, of a figure.
func (e *entry) over(base *entry, f figure) ratio {
	var all []float64
	for i := range min(len(e.samples), len(base.samples)) {
		all = append(all, f.of(e.samples[i])/f.of(base.samples[i]))
	}
	return ratioOf(all)
}

// spread returns a figure of e itself.
func (e *entry) spread(f figure) ratio {
	all := make([]float64, len(e.samples))
	for i, s := range e.samples {
		all[i] = f.of(s)
	}
	return ratioOf(all)
}

func ratioOf(all []float64) ratio {
	if len(all) == 0 {
		return ratio{}
	}
	return ratio{median(all), slices.Min(all), slices.Max(all)}
}

func (r ratio) String() string { return fmt.Sprintf("%.2f [%.2f..%.2f]", r.median, r.min, r.max) }
func (r ratio) whole() string  { return fmt.Sprintf("%.0f [%.0f..%.0f]", r.median, r.min, r.max) }
