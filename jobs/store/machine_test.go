package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gomeko/gomeko/jobs/store"
)

// TestStoreIsLikeItsModel applies random operations to a store and to a model of it, with a clock
// that only the test moves, and compares all rows after each.
func TestStoreIsLikeItsModel(t *testing.T) {
	eachDatabase(t, func(t *testing.T, open open) {
		s := migrated(t, open)
		c := setClock(t, s)
		rapid.Check(t, func(rt *rapid.T) {
			exec(context.Background(), t, s.Pool(), `DELETE FROM gomeko_job`, `DELETE FROM gomeko_attempt`, `DELETE FROM gomeko_row`)
			c.now = epoch
			c.advance(rt, 0)
			m := &machine{store: s, clock: c, model: model{now: epoch, attempts: map[string][]store.Attempt{}, versions: map[string]string{}}}
			rt.Repeat(map[string]func(*rapid.T){
				"":           m.check,
				"insert":     m.insert,
				"claim":      m.claim,
				"claim more": m.claim,
				"renew":      m.renew,
				"finish":     m.finish,
				"end":        m.finish,
				"hooks":      m.hooks,
				"hook ran":   m.hookRan,
				"progress":   m.progress,
				"cancel":     m.cancel,
				"retry":      m.retry,
				"sweep":      m.sweep,
				"prune":      m.prune,
				"list":       m.list,
				"wait":       m.wait,
				"say":        m.say,
				"prepare":    m.prepare,
			})
		})
	})
}

// A machine applies operations to a store and its model.
type machine struct {
	store *store.Store
	clock *clock
	model model
	held  []store.Job // all claimed jobs, whatever has happened to them since
}

var (
	owners = []string{"ann", "bob", "eve"}
	ids    = []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	queues = []string{"quick", "slow"}
	names  = []string{"resize", "crop", "sync"}
)

const (
	lease = time.Minute
	limit = 3 // of deaths
)

// pick draws one of the values.
func pick[T any](rt *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(rt, label)
}

// some draws a selection of values, in any order.
func some(rt *rapid.T, label string, values []string) []string {
	return rapid.SliceOfDistinct(rapid.SampledFrom(values), rapid.ID[string]).Draw(rt, label)
}

// same fails if the store differs from the model.
func same(rt *rapid.T, what string, got, want any) {
	rt.Helper()
	if !reflect.DeepEqual(got, want) {
		rt.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// done fails on an error.
func done(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatal(err)
	}
}

func (m *machine) insert(rt *rapid.T) {
	var news []store.New
	for range rapid.IntRange(1, 5).Draw(rt, "jobs") {
		n := store.New{
			ID: pick(rt, "id", ids...), Service: "images", Name: pick(rt, "name", names...), Queue: pick(rt, "queue", queues...),
			Priority: pick(rt, "priority", 0, 0, 0, -1, 7), Payload: []byte(pick(rt, "payload", "{}", "", "\x00\xff\u00e9'")), ContentType: "application/json",
			Headers: `{"call":"\u0000 ü"}`, ReplyTo: pick(rt, "reply", "", "replies"), Nudged: rapid.Bool().Draw(rt, "nudged"),
		}
		switch pick(rt, "delay", "no", "no", "in", "at", "past") {
		case "in":
			n.In = pick(rt, "in", time.Microsecond, 10*time.Second, time.Hour)
		case "at":
			n.At = m.model.now.Add(20 * time.Second)
		case "past":
			n.At = m.model.now.Add(-20 * time.Second)
		}
		n.Terms = m.terms(rt, n.Name)
		n.Version = pick(rt, "version", n.Version, n.Version, n.Version, "other")
		news = append(news, n)
	}
	want := m.model.insert(news...)
	got, err := m.store.Insert(rt.Context(), news...)
	done(rt, err)
	same(rt, "inserted", got, want)
	last := int64(0)
	for _, r := range m.model.jobs { // numbers are assigned in this order, with gaps
		if r.Seq == 0 {
			found, err := m.store.Get(rt.Context(), r.ID)
			done(rt, err)
			if len(found) != 1 || found[0].Seq <= last {
				rt.Fatalf("inserted %s as %+v, after %d", r.ID, found, last)
			}
			r.Seq = found[0].Seq
		}
		last = r.Seq
	}
}

// terms draws the terms that the row of a name sets.
func (m *machine) terms(rt *rapid.T, name string) store.Terms {
	t := store.Terms{
		Version: m.model.versions[name], UniqueKey: pick(rt, "key", "", "", "k", "l"), Resource: pick(rt, "resource", "", "", "r", "s"),
		Pass: rapid.Bool().Draw(rt, "pass"),
	}
	if t.UniqueKey != "" {
		t.UniqueFor = pick(rt, "for", 0, 0, time.Microsecond, time.Minute)
	}
	return t
}

// say changes the spec of a row.
func (m *machine) say(rt *rapid.T) {
	name := pick(rt, "name", names...)
	x, err := m.store.SetSpec(rt.Context(), store.Spec{Service: "images", Name: name, Text: pick(rt, "text", "", "{}", "[]")})
	done(rt, err)
	m.model.versions[name] = x.Version
	said, err := m.store.Specs(rt.Context(), "images")
	done(rt, err)
	versions := map[string]string{}
	for _, x := range said {
		versions[x.Name] = x.Version
	}
	for name, version := range m.model.versions {
		if versions[name] != version {
			rt.Fatalf("got %v, want %v", versions, m.model.versions)
		}
	}
}

// prepare prepares a job that waits or that was claimed before.
func (m *machine) prepare(rt *rapid.T) {
	name := pick(rt, "name", names...)
	found, err := m.store.Unprepared(rt.Context(), store.Spec{Service: "images", Name: name, Version: m.model.versions[name]}, 0, 100)
	done(rt, err)
	same(rt, "unprepared", found, jobs(m.model.unprepared(name)))
	if found = append(found, m.held...); len(found) == 0 {
		rt.Skip()
	}
	j := found[rapid.IntRange(0, len(found)-1).Draw(rt, "job")]
	terms := m.terms(rt, j.Name)
	m.model.prepare(j, terms)
	done(rt, m.store.Prepare(rt.Context(), store.Prepared{Job: j, Terms: terms}))
}

func (m *machine) drawClaim(rt *rapid.T) store.Claim {
	c := store.Claim{
		Owner: pick(rt, "owner", owners...), Host: "here", Queue: pick(rt, "queue", queues...), Limit: rapid.IntRange(1, 4).Draw(rt, "limit"), Lease: lease,
		Resources: pick(rt, "resources", true, true, false),
	}
	switch pick(rt, "which", "all", "names", "except") {
	case "names":
		c.Names = some(rt, "names", append(names, "none"))
	case "except":
		c.Except = some(rt, "except", append(names, "none"))
	}
	return c
}

func (m *machine) claim(rt *rapid.T) {
	c := m.drawClaim(rt)
	got, err := m.store.Claim(rt.Context(), c)
	done(rt, err)
	same(rt, fmt.Sprintf("claimed with %+v", c), got, jobs(m.model.claim(c)))
	m.held = append(m.held, got...)
}

// jobs returns rows in the form of the store.
func jobs(rows []*row) (all []store.Job) {
	for _, r := range rows {
		all = append(all, r.job())
	}
	return all
}

func (m *machine) renew(rt *rapid.T) {
	owner, of := pick(rt, "owner", owners...), some(rt, "ids", ids)
	got, err := m.store.Renew(rt.Context(), owner, lease, of)
	done(rt, err)
	same(rt, "renewed", got, m.model.renew(owner, lease, of))
	cancelled, err := m.store.Cancelled(rt.Context(), owner)
	done(rt, err)
	slices.Sort(cancelled)
	want := m.model.cancelled(owner)
	slices.Sort(want)
	same(rt, "cancelled", cancelled, want)
}

// finish ends attempts, including some that were lost or have ended.
func (m *machine) finish(rt *rapid.T) {
	if len(m.held) == 0 {
		rt.Skip()
	}
	var ends []store.End
	for range rapid.IntRange(1, 4).Draw(rt, "ends") {
		j := m.held[len(m.held)-1-rapid.IntRange(0, min(len(m.held)-1, 10)).Draw(rt, "which")]
		if slices.ContainsFunc(ends, func(e store.End) bool { return e.ID == j.ID }) {
			continue // the order of two ends of a job is not defined
		}
		e := store.End{ID: j.ID, Owner: j.Owner, Attempt: j.Attempt, Resource: j.Resource, State: pick(rt, "state",
			store.Succeeded, store.Failed, store.Cancelled, store.Scheduled, store.Scheduled, store.Queued)}
		switch e.State {
		case store.Succeeded:
			e.Result = []byte(`{"é":"\u0000"}`)
		case store.Scheduled:
			e.In = pick(rt, "in", 0, 10*time.Second)
		}
		if e.State != store.Succeeded && e.State != store.Queued && (e.State != store.Scheduled || rapid.Bool().Draw(rt, "counts")) {
			e.Kind, e.ErrorType, e.Error, e.Stack = store.KindFault, "ValueError", "é", "main.go:1"
		}
		if e.State.Final() && rapid.Bool().Draw(rt, "hook") {
			e.Hook, e.HookLease = true, lease
		}
		ends = append(ends, e)
	}
	var want []bool
	for _, e := range ends {
		want = append(want, m.model.finish(e))
	}
	var resources []string
	for _, e := range ends {
		resources = append(resources, e.Resource)
	}
	woken := m.model.wake(store.WakeAfter, resources...)
	got, next, err := m.store.FinishNext(rt.Context(), ends...)
	done(rt, err)
	same(rt, fmt.Sprintf("finished %+v", ends), got, want)
	var nexts []string
	for _, r := range woken {
		nexts = append(nexts, r.ID)
	}
	same(rt, "next", idsOf(next), sorted(nexts))
}

func (m *machine) hooks(rt *rapid.T) {
	c := m.drawClaim(rt)
	got, err := m.store.ClaimHooks(rt.Context(), c)
	done(rt, err)
	same(rt, "hooks", got, jobs(m.model.claimHooks(c)))
}

func (m *machine) hookRan(rt *rapid.T) {
	id, owner := pick(rt, "id", ids...), pick(rt, "owner", owners...)
	err := m.store.HookRan(rt.Context(), id, owner)
	m.kept(rt, err, m.model.hookRan(id, owner))
}

func (m *machine) progress(rt *rapid.T) {
	if len(m.held) == 0 {
		rt.Skip()
	}
	j := pick(rt, "job", m.held...)
	err := m.store.SetProgress(rt.Context(), j.ID, j.Owner, j.Attempt, 0.5, "half")
	m.kept(rt, err, m.model.progress(j.ID, j.Owner, j.Attempt, 0.5, "half"))
}

// kept fails if err is not the one expected for a worker that has kept its job, or lost it.
func (m *machine) kept(rt *rapid.T, err error, kept bool) {
	if kept != (err == nil) || !kept && !errors.Is(err, store.ErrLost) {
		rt.Fatalf("kept %v, got %v", kept, err)
	}
}

func (m *machine) cancel(rt *rapid.T) {
	id := pick(rt, "id", ids...)
	j, err := m.store.Cancel(rt.Context(), id)
	m.changed(rt, id, j, err, m.model.cancel(id))
}

func (m *machine) retry(rt *rapid.T) {
	id, payload := pick(rt, "id", ids...), pick(rt, "payload", nil, []byte("edited"))
	j, err := m.store.Retry(rt.Context(), id, payload)
	m.changed(rt, id, j, err, m.model.retry(id, payload))
}

// changed compares the result of a user's operation.
func (m *machine) changed(rt *rapid.T, id string, j store.Job, err error, done bool) {
	r := m.model.find(id)
	switch {
	case r == nil:
		if !errors.Is(err, store.ErrNotFound) {
			rt.Fatalf("job %s: %v", id, err)
		}
	case done != (err == nil), !done && !errors.Is(err, store.ErrState):
		rt.Fatalf("job %s: done %v, got %v", id, done, err)
	default:
		same(rt, "changed", j, r.job())
	}
}

func (m *machine) sweep(rt *rapid.T) {
	w := store.Sweep{Deaths: limit, Again: pick(rt, "again", 10*time.Second, store.Again)}
	got, err := m.store.Sweep(rt.Context(), w)
	done(rt, err)
	nudge, suspects := m.model.sweepAll(w)
	same(rt, "suspects", idsOf(got.Suspects), sorted(suspects))
	same(rt, "nudge", idsOf(got.Nudge), sorted(nudge))
	next := time.Duration(0)
	for _, r := range m.model.jobs {
		if until := r.sweep.Sub(m.model.now); r.State != store.Queued && !r.sweep.IsZero() && (next == 0 || until < next) {
			next = until
		}
	}
	same(rt, "next", got.Next, next)
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

func idsOf(all []store.Job) []string {
	var ids []string
	for _, j := range all {
		ids = append(ids, j.ID)
	}
	return sorted(ids)
}

func (m *machine) prune(rt *rapid.T) {
	keep := pick(rt, "keep", time.Minute, time.Hour)
	got, err := m.store.Prune(rt.Context(), keep, 100)
	done(rt, err)
	same(rt, "pruned", got, m.model.prune(keep))
}

func (m *machine) list(rt *rapid.T) {
	f := store.Filter{
		Service: pick(rt, "service", "", "images", "none"), Name: pick(rt, "name", "", names[0]), Queue: pick(rt, "queue", "", queues[0]),
		Limit: pick(rt, "limit", 1, 3, 10),
	}
	f.States = pick(rt, "states", nil, []store.State{store.Failed}, []store.State{store.Queued, store.Running, store.Scheduled})
	if rapid.Bool().Draw(rt, "before") && len(m.model.jobs) > 0 {
		f.Before = pick(rt, "row", m.model.jobs...).Seq
	}
	page, err := m.store.List(rt.Context(), f)
	done(rt, err)
	var got []string
	for _, j := range page {
		got = append(got, j.ID)
	}
	same(rt, fmt.Sprintf("page %+v", f), got, m.model.list(f))
}

func (m *machine) wait(rt *rapid.T) {
	d := pick(rt, "wait", time.Second, 10*time.Second, 61*time.Second, time.Hour)
	m.model.now = m.model.now.Add(d)
	m.clock.advance(rt, d)
}

// check compares all rows and attempts.
func (m *machine) check(rt *rapid.T) {
	got, err := m.store.Get(rt.Context(), ids...)
	done(rt, err)
	slices.SortFunc(got, func(a, b store.Job) int { return int(a.Seq - b.Seq) })
	if len(got) != len(m.model.jobs) {
		rt.Fatalf("got %d rows, want %d", len(got), len(m.model.jobs))
	}
	for i, r := range m.model.jobs {
		same(rt, "row", got[i], r.job())
		if len(m.model.attempts[r.ID]) > 0 {
			m.checkAttempts(rt, r.ID)
		}
	}
}

func (m *machine) checkAttempts(rt *rapid.T, id string) {
	attempts, err := m.store.Attempts(rt.Context(), id)
	done(rt, err)
	same(rt, "attempts of "+id, attempts, m.model.attempts[id])
}
