package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/jobs/store"
)

// preparedAtOnce is how many jobs one transaction gives new terms.
const preparedAtOnce = 200

// say writes what the rows of this process say about their jobs into the store, and prepares the
// jobs that wait there if that is something else than before.
func (p *process) say(ctx context.Context) error {
	for _, q := range p.queues {
		said, err := p.storage.rules.read(ctx, p.store, q.service)
		if err != nil {
			said = nil // a newer version said it: this one says it anew
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

// prepare gives the jobs of a row that wait the terms of its rule.
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

// reader returns the limits within which arguments are read.
func (p *process) reader() reader {
	conn := p.consuming.Conn()
	return reader{accepts: conn.Accepts(), message: conn.MaxMessage(), decoded: conn.MaxDecoded()}
}

// terms returns the terms of a job of the store.
func (p *process) terms(ctx context.Context, r *rule, j *store.Job) store.Terms {
	return r.terms(ctx, p.reader(), codec.Body{ContentType: j.ContentType, Data: j.Payload})
}

// isCurrent reports whether a job that was claimed has the terms of what its row says now.
// Otherwise it gives the job new terms, and back: it was enqueued when the row said something else,
// or by a tick.
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

// insert puts the jobs of messages into the store that it does not have.
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

// refuse tells whoever waits for the outcome of a message's job that another job has its unique
// key.
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

// wakeNext wakes workers for jobs that are next of their resources: those of this process, and by a
// message those of others.
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

// groupOf returns the group of this process that claims a job, nil if there is none.
func (p *process) groupOf(j *store.Job) *group {
	for _, q := range p.queues {
		if q.name == j.Queue && q.rows[j.Name] != nil {
			return q.group(j.Name)
		}
	}
	return nil
}

// queueFor returns the queue of a row. Without a store, that of a row with a resource is the
// resource's: its one consumer has one message at a time.
func (p *process) queueFor(w *work, key string) (name string, alone bool) {
	if w.rule != nil && !p.cfg.hasStore() {
		if resource, ok := w.rule.constant(); ok {
			return resourceQueue(w.Service, resource), true
		}
	}
	return queueName(w.Service, key), false
}

// checkAlone returns what of a rule needs a store.
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
