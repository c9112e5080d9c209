package store_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/gomeko/gomeko/jobs/store"
)

// A model is the specification of a store, in plain Go.
type model struct {
	now      time.Time
	jobs     []*row // in the order of Seq
	attempts map[string][]store.Attempt
	versions map[string]string // of the specs, by name
}

// A row is a job and the time at which the sweeper acts on it.
type row struct {
	store.Job
	sweep time.Time
}

// job returns a row in the form of the store.
func (r *row) job() store.Job {
	j := r.Job
	if j.State == store.Running || j.Hook == store.HookRunning {
		j.Lease = r.sweep
	}
	return j
}

func (m *model) find(id string) *row {
	i := slices.IndexFunc(m.jobs, func(r *row) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return m.jobs[i]
}

// insert inserts jobs as the store does: first all that can be inserted, then those whose obstacle
// was a job that has ended.
func (m *model) insert(news ...store.New) []store.Inserted {
	all := make([]store.Inserted, len(news))
	var pending []int
	for i := range news {
		pending = append(pending, i)
	}
	for len(pending) > 0 {
		added := map[string]bool{}
		for _, i := range pending {
			if n := news[i]; m.find(n.ID) == nil && n.Version == m.versions[n.Name] && m.holder(n.Name, n.UniqueKey, "") == nil {
				m.add(n)
				added[n.ID] = true
			}
		}
		var again []int
		for _, i := range pending {
			n := news[i]
			all[i].ID = n.ID
			switch h := m.holder(n.Name, n.UniqueKey, ""); {
			case added[n.ID]:
				all[i].Added = true
				delete(added, n.ID)
			case m.find(n.ID) != nil:
			case n.Version != m.versions[n.Name]:
				all[i].Stale = true
			case m.holds(h):
				all[i].ID = h.ID
			default:
				h.UniqueUntil = time.Time{}
				again = append(again, i)
			}
		}
		pending = again
	}
	return all
}

// holder returns the job that holds the key in the store's index, even if its time has expired. It
// ignores the job with the id not.
func (m *model) holder(name, key, not string) *row {
	for _, r := range m.jobs {
		if key != "" && r.Name == name && r.UniqueKey == key && (!r.State.Final() || !r.UniqueUntil.IsZero()) && r.ID != not {
			return r
		}
	}
	return nil
}

// holds reports whether a job holds its key now.
func (m *model) holds(r *row) bool {
	return r != nil && (!r.State.Final() || r.UniqueUntil.After(m.now))
}

// set gives a job its terms.
func (m *model) set(r *row, t store.Terms) {
	r.Version, r.UniqueKey, r.Resource, r.Pass, r.UniqueUntil = t.Version, t.UniqueKey, t.Resource, t.Pass, time.Time{}
	if t.UniqueFor > 0 {
		r.UniqueUntil = m.now.Add(t.UniqueFor)
	}
}

func (m *model) add(n store.New) {
	r := &row{Job: store.Job{
		ID: n.ID, Service: n.Service, Name: n.Name, Queue: n.Queue, Priority: n.Priority, Payload: n.Payload, ContentType: n.ContentType,
		Headers: n.Headers, ReplyTo: n.ReplyTo, CorrelationID: n.CorrelationID, Created: m.now, RunAt: m.now.Add(n.In),
		State: store.Queued, Hook: store.HookNone,
	}}
	m.set(r, n.Terms)
	if len(n.Payload) == 0 {
		r.Payload = nil
	}
	if !n.At.IsZero() {
		r.RunAt = n.At
	}
	switch {
	case r.RunAt.After(m.now):
		r.State, r.sweep = store.Scheduled, r.RunAt
	case n.Nudged:
		r.sweep = m.now.Add(store.Again)
	default:
		r.sweep = m.now
	}
	m.jobs = append(m.jobs, r)
}

// head returns the job of a resource that may be claimed, or nil.
func (m *model) head(resource string) (head *row) {
	for _, r := range m.jobs {
		if r.Resource != resource {
			continue
		}
		if r.State == store.Running {
			return nil
		}
		if head == nil && (r.State == store.Queued || r.State == store.Scheduled && r.Attempt > r.Earlier && !r.Pass) {
			head = r
		}
	}
	if head != nil && head.State != store.Queued {
		return nil
	}
	return head
}

// blocked reports whether other jobs of its resource go before a job.
func (m *model) blocked(r *row) bool { return r.Resource != "" && m.head(r.Resource) != r }

// wake returns the next jobs of resources.
func (m *model) wake(after time.Duration, resources ...string) (next []*row) {
	slices.Sort(resources)
	for _, resource := range slices.Compact(resources) {
		if r := m.head(resource); resource != "" && r != nil {
			r.Nudges, r.sweep = 0, m.now.Add(after)
			next = append(next, r)
		}
	}
	return next
}

// matches reports whether a claim selects a job.
func matches(c store.Claim, r *row) bool {
	if len(c.Names) > 0 && !slices.Contains(c.Names, r.Name) {
		return false
	}
	return r.Queue == c.Queue && (len(c.Names) > 0 || !slices.Contains(c.Except, r.Name))
}

func (m *model) claim(c store.Claim) (claimed []*row) {
	for _, r := range m.jobs {
		if r.State == store.Queued && matches(c, r) && (r.Resource == "" || c.Resources && m.head(r.Resource) == r) {
			claimed = append(claimed, r)
		}
	}
	slices.SortFunc(claimed, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.RunAt.Compare(b.RunAt), cmp.Compare(a.Seq, b.Seq))
	})
	claimed = claimed[:min(len(claimed), c.Limit)]
	for _, r := range claimed {
		r.State, r.Owner, r.Host, r.Started, r.sweep = store.Running, c.Owner, c.Host, m.now, m.now.Add(c.Lease)
		r.Attempt++
		r.Progress, r.ProgressText = nil, ""
	}
	return claimed
}

func (m *model) claimHooks(c store.Claim) (claimed []*row) {
	for _, r := range m.jobs {
		if r.Hook == store.HookDue && matches(c, r) && len(claimed) < c.Limit {
			r.Hook, r.Owner, r.Host, r.sweep = store.HookRunning, c.Owner, c.Host, m.now.Add(c.Lease)
			claimed = append(claimed, r)
		}
	}
	return claimed
}

func (m *model) renew(owner string, lease time.Duration, ids []string) map[string]store.Renewed {
	held := map[string]store.Renewed{}
	for _, r := range m.jobs {
		if r.Owner == owner && (r.State == store.Running || r.Hook == store.HookRunning) && slices.Contains(ids, r.ID) {
			r.sweep = m.now.Add(lease)
			held[r.ID] = store.Renewed{Attempt: r.Attempt, Cancel: r.Cancel}
		}
	}
	return held
}

func (m *model) cancelled(owner string) (ids []string) {
	for _, r := range m.jobs {
		if r.Owner == owner && r.State == store.Running && r.Cancel {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (m *model) finish(e store.End) bool {
	r := m.find(e.ID)
	switch {
	case r == nil || r.Owner != e.Owner:
		return false
	case r.State != store.Running || r.Attempt != e.Attempt:
		return recorded(r, e)
	}
	if e.Kind != "" {
		m.attempts[e.ID] = append(m.attempts[e.ID], store.Attempt{
			Number: r.Attempt, Owner: r.Owner, Host: r.Host, Started: r.Started, Ended: m.now, Kind: e.Kind, Error: e.Error, Stack: e.Stack,
		})
	}
	if back(e) {
		r.Attempt--
		r.Started = time.Time{}
	} else {
		r.Error, r.ErrorType = e.Error, e.ErrorType
	}
	r.Nudges, r.sweep, r.Result = 0, time.Time{}, nil
	switch {
	case !e.State.Final() && r.Cancel:
		m.end(r, store.Cancelled)
		r.Hook, r.sweep = store.HookDue, m.now
	case e.State == store.Scheduled:
		r.State, r.RunAt, r.sweep = store.Scheduled, m.now.Add(e.In), m.now.Add(e.In)
	case e.State == store.Queued:
		r.State, r.sweep = store.Queued, m.now
	default:
		m.end(r, e.State)
		if e.State == store.Succeeded {
			r.Result = e.Result
		}
		if e.Hook {
			r.Hook, r.sweep = store.HookRunning, m.now.Add(e.HookLease)
		}
	}
	return true
}

// back reports whether the attempt of an end does not count.
func back(e store.End) bool {
	return e.State == store.Queued || e.State == store.Scheduled && e.Kind == ""
}

// recorded reports whether the row has the state that the end has set.
func recorded(r *row, e store.End) bool {
	switch {
	case back(e):
		return r.Attempt == e.Attempt-1 && slices.Contains([]store.State{store.Queued, store.Scheduled, store.Cancelled}, r.State)
	case e.State == store.Scheduled:
		return r.Attempt == e.Attempt && slices.Contains([]store.State{store.Queued, store.Scheduled, store.Cancelled}, r.State)
	default:
		return r.Attempt == e.Attempt && r.State == e.State
	}
}

func (m *model) end(r *row, s store.State) { r.State, r.Finished = s, m.now }

func (m *model) hookRan(id, owner string) bool {
	r := m.find(id)
	if r == nil || r.Owner != owner || r.Hook != store.HookRunning {
		return false
	}
	r.Hook, r.sweep = store.HookRan, time.Time{}
	return true
}

func (m *model) progress(id, owner string, attempt int, fraction float64, text string) bool {
	r := m.find(id)
	if r == nil || r.Owner != owner || r.State != store.Running || r.Attempt != attempt {
		return false
	}
	r.Progress, r.ProgressText = &fraction, text
	return true
}

// cancel reports whether the job was cancelled, or will be.
func (m *model) cancel(id string) bool {
	r := m.find(id)
	switch {
	case r == nil:
		return false
	case r.State.Final():
		return r.State == store.Cancelled
	}
	r.Cancel, r.Nudges = true, 0
	if r.State != store.Running {
		m.end(r, store.Cancelled)
		r.Hook, r.sweep = store.HookDue, m.now
		m.wake(0, r.Resource)
	}
	return true
}

func (m *model) retry(id string, payload []byte) bool {
	r := m.find(id)
	if r == nil {
		return false
	}
	rival := m.holder(r.Name, r.UniqueKey, id)
	if rival != nil && !m.holds(rival) {
		rival.UniqueUntil, rival = time.Time{}, nil
	}
	if !r.State.Final() || r.Hook == store.HookRunning || rival != nil && payload == nil {
		return false
	}
	j := store.Job{
		Seq: r.Seq, ID: r.ID, Service: r.Service, Name: r.Name, Queue: r.Queue, Priority: r.Priority, Payload: r.Payload,
		ContentType: r.ContentType, Headers: r.Headers, ReplyTo: r.ReplyTo, CorrelationID: r.CorrelationID, Created: r.Created,
		State: store.Queued, RunAt: m.now, Attempt: r.Attempt, Earlier: r.Attempt, Hook: store.HookNone,
	}
	if j.Pass = r.Pass; payload != nil {
		j.Payload = payload
	} else {
		j.Version, j.UniqueKey, j.UniqueUntil, j.Resource = r.Version, r.UniqueKey, r.UniqueUntil, r.Resource
	}
	r.Job, r.sweep = j, m.now
	return true
}

// sweep returns the ids of the jobs to nudge, and of the suspects.
func (m *model) sweepAll(w store.Sweep) (nudge, suspects []string) {
	var woken []*row
	var ended []string
	for _, r := range m.jobs {
		if r.sweep.IsZero() || r.sweep.After(m.now) {
			continue
		}
		woken = append(woken, r)
		switch {
		case r.State == store.Scheduled:
			r.State, r.Nudges, r.sweep = store.Queued, 1, m.now.Add(w.Again)
		case r.State == store.Running:
			if m.bury(r, w.Deaths) {
				suspects = append(suspects, r.ID)
			}
			if r.State.Final() {
				ended = append(ended, r.Resource)
			}
			r.Nudges, r.sweep = 1, m.now.Add(w.Again)
		default:
			if r.Hook == store.HookRunning {
				r.Hook = store.HookDue
			}
			r.sweep = m.now.Add(w.Again << min(r.Nudges, 7))
			r.Nudges++
		}
	}
	for _, r := range woken {
		if r.State != store.Queued || !m.blocked(r) {
			nudge = append(nudge, r.ID)
		}
	}
	for _, r := range m.wake(w.Again, ended...) {
		if !slices.Contains(nudge, r.ID) {
			nudge = append(nudge, r.ID)
		}
	}
	return nudge, suspects
}

// bury takes a job from a dead worker, and reports whether it is a suspect.
func (m *model) bury(r *row, limit int) (suspect bool) {
	m.attempts[r.ID] = append(m.attempts[r.ID], store.Attempt{
		Number: r.Attempt, Owner: r.Owner, Host: r.Host, Started: r.Started, Ended: m.now, Kind: store.KindKilled,
		Error: store.KilledError,
	})
	r.Deaths++
	r.Owner, r.Host = "", ""
	switch {
	case r.Cancel:
		m.end(r, store.Cancelled)
		r.Hook = store.HookDue
	case r.Deaths >= limit:
		m.end(r, store.Failed)
		r.Hook, r.ErrorType, r.Error = store.HookDue, store.Suspect, store.SuspectError
		return true
	default:
		r.State = store.Queued
	}
	return false
}

func (m *model) prune(keep time.Duration) (n int) {
	before := len(m.jobs)
	m.jobs = slices.DeleteFunc(m.jobs, func(r *row) bool {
		old := r.State.Final() && r.Finished.Before(m.now.Add(-keep)) && (r.Hook == store.HookNone || r.Hook == store.HookRan) &&
			!r.UniqueUntil.After(m.now)
		if old {
			delete(m.attempts, r.ID)
		}
		return old
	})
	return before - len(m.jobs)
}

// unprepared returns waiting jobs whose terms are not those of the current spec.
func (m *model) unprepared(name string) (found []*row) {
	for _, r := range m.jobs {
		if r.Name == name && (r.State == store.Queued || r.State == store.Scheduled) && r.Version != m.versions[name] {
			found = append(found, r)
		}
	}
	return found
}

// prepare gives a job new terms. One that was claimed is given back.
func (m *model) prepare(j store.Job, t store.Terms) {
	r := m.find(j.ID)
	switch {
	case r == nil || r.Seq != j.Seq:
		return
	case j.State == store.Running:
		if r.State != store.Running || r.Owner != j.Owner || r.Attempt != j.Attempt {
			return
		}
		r.State, r.Started, r.sweep, r.Nudges = store.Queued, time.Time{}, m.now, 0
		r.Attempt--
	case r.State != store.Queued && r.State != store.Scheduled:
		return
	}
	if m.holder(r.Name, t.UniqueKey, r.ID) != nil {
		t.UniqueKey = ""
	}
	m.set(r, t)
}

// list returns a page in the order of the store.
func (m *model) list(f store.Filter) (ids []string) {
	for _, r := range slices.Backward(m.jobs) {
		if (f.Service == "" || f.Service == r.Service) && (f.Name == "" || f.Name == r.Name) && (f.Queue == "" || f.Queue == r.Queue) &&
			(len(f.States) == 0 || slices.Contains(f.States, r.State)) && (f.Before == 0 || r.Seq < f.Before) && len(ids) < f.Limit {
			ids = append(ids, r.ID)
		}
	}
	return ids
}
