package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
)

// preparedAtOnce limits how many jobs get new terms in one transaction.
const preparedAtOnce = 200

// say writes into the store what the rows of this process say about their jobs. If that has
// changed, it prepares the jobs that wait there.
func (p *process) say(ctx context.Context) error {
	for _, q := range p.queues {
		said, err := p.storage.rules.read(ctx, p.store, q.service)
		if err != nil {
			said = nil // a newer version said it, so this one must say it again
		}
		for name, w := range q.rows {
			if w.spec == "" && said[name] == nil && err == nil {
				continue
			}
			x, err := p.store.SetSpec(ctx, store.Spec{Service: q.service, Name: name, Text: w.spec})
			if err != nil {
				return err
			}
			if w.rule != nil {
				w.rule.version = x.Version
				q.resources = q.resources || len(w.rule.resource) > 0
			}
			if versionOf(said[name]) != x.Version {
				if err := p.prepare(ctx, x, w.rule); err != nil {
					return err
				}
			}
		}
		if _, err := p.storage.rules.read(ctx, p.store, q.service); err != nil {
			return err
		}
	}
	return nil
}

// prepare gives the waiting jobs of a row the terms of its rule.
func (p *process) prepare(ctx context.Context, x store.Spec, r *rule) error {
	for after := int64(0); ; {
		found, err := p.store.Unprepared(ctx, x, after, preparedAtOnce)
		if err != nil || len(found) == 0 {
			return err
		}
		all := make([]store.Prepared, len(found))
		for i, j := range found {
			all[i] = store.Prepared{Job: j, Terms: p.terms(ctx, r, &found[i])}
			after = j.Seq
		}
		if err := p.store.Prepare(ctx, all...); err != nil {
			return err
		}
	}
}

// reader returns the limits for reading arguments.
func (p *process) reader() reader {
	conn := p.consuming.Conn()
	return reader{accepts: conn.Accepts(), message: conn.MaxMessage(), decoded: conn.MaxDecoded()}
}

// terms returns the terms of a job of the store.
func (p *process) terms(ctx context.Context, r *rule, j *store.Job) store.Terms {
	return r.terms(ctx, p.reader(), codec.Body{ContentType: j.ContentType, Data: j.Payload})
}

// isCurrent reports whether a claimed job has the terms of its row's current rule. If not, the job
// was enqueued under another rule, or by a tick; isCurrent then gives it new terms, and back to the
// queue.
func (p *process) isCurrent(ctx context.Context, j *store.Job) (bool, error) {
	said, err := p.storage.rules.of(ctx, p.store, j.Service)
	if err != nil || versionOf(said[j.Name]) == j.Version {
		return err == nil, err
	}
	if said, err = p.storage.rules.read(ctx, p.store, j.Service); err != nil || versionOf(said[j.Name]) == j.Version {
		return err == nil, err
	}
	if err := p.store.Prepare(ctx, store.Prepared{Job: *j, Terms: p.terms(ctx, said[j.Name], j)}); err != nil {
		return false, err
	}
	p.storage.alarm.in(0) // the sweep wakes a worker
	return false, nil
}

// insert inserts the jobs of messages that are not in the store.
func (p *process) insert(ctx context.Context, jobs []store.New) ([]store.Inserted, error) {
	inserted, err := p.storage.rules.place(ctx, p.store, p.reader(), jobs, p.store.InsertMissing)
	if err != nil {
		return nil, err
	}
	for i, n := range jobs {
		if x := inserted[i]; x.ID != n.ID {
			p.refuse(ctx, n, x.ID)
		}
	}
	return inserted, nil
}

// refuse sends an outcome for a message's job: another job has its unique key.
func (p *process) refuse(ctx context.Context, n store.New, other string) {
	p.host.Logger().Info("job not enqueued: another one has its unique key", "job", n.ID, "service", n.Service, "name", n.Name, "other", other)
	if n.ReplyTo == "" {
		return
	}
	j := store.Job{
		ID: n.ID, Service: n.Service, Name: n.Name, State: store.Cancelled, ReplyTo: n.ReplyTo, CorrelationID: n.CorrelationID,
		Error: fmt.Sprintf("it was not enqueued: job %s has its unique key", other),
	}
	p.reply(ctx, &j, OutcomeOf(&j))
}

// wakeNext wakes workers for the jobs that are next in the lines of their resources: those of this
// process directly, and others with a message.
func (p *process) wakeNext(next []store.Job) {
	var away []store.Job
	for _, j := range next {
		if g := p.groupOf(&j); g != nil {
			g.setMore()
		} else {
			away = append(away, j)
		}
	}
	if len(away) > 0 {
		p.host.Go(func(ctx context.Context) { p.nudge(ctx, away) })
	}
}

// groupOf returns the group of this process that claims a job, or nil if there is none.
func (p *process) groupOf(j *store.Job) *group {
	for _, q := range p.queues {
		if q.name == j.Queue && q.rows[j.Name] != nil {
			return q.group(j.Name)
		}
	}
	return nil
}

// queueFor returns the queue of a row. Without a store, a row with a resource uses the resource's
// queue, whose single consumer takes one message at a time.
func (p *process) queueFor(w *work, key string) (name string, alone bool) {
	if w.rule != nil && !p.cfg.hasStore() {
		if resource, ok := w.rule.constant(); ok {
			return resourceQueue(w.Service, resource), true
		}
	}
	return queueName(w.Service, key), false
}

// checkAlone returns an error that names what in a rule needs a store.
func (r *rule) checkAlone() error {
	var mistakes []error
	if r.unique != nil {
		mistakes = append(mistakes, fmt.Errorf("unique %w", ErrNoStore))
	}
	if _, ok := r.constant(); !ok && len(r.resource) > 0 {
		mistakes = append(mistakes, fmt.Errorf("resource: one with {parameters} %w", ErrNoStore))
	}
	return errors.Join(mistakes...)
}
