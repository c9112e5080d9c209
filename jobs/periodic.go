package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/periodic"
	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/signature"
	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

var tickType = reflect.TypeFor[timer.Tick]()

// readCron reads the keys of a periodic row, whose method is bound already.
func (w *work) readCron(sig *signature.Signature) error {
	var mistakes []error
	if w.Tag.Get("cron") == "" {
		for _, key := range []string{"tz", "missed", "overlap"} {
			if w.Tag.Get(key) != "" {
				mistakes = append(mistakes, fmt.Errorf(`%s is for periodic jobs: add cron:"30 2 * * *", or remove %[1]s`, key))
			}
		}
		if w.takesTick {
			mistakes = append(mistakes, fmt.Errorf(`%s takes a timer.Tick, which only periodic jobs have: add cron:"30 2 * * *", or remove the parameter`, w.Method))
		}
		return errors.Join(mistakes...)
	}
	w.plan = new(ticks.Plan)
	if sig != nil {
		if _, err := sig.Match(signature.Arguments{}, nil); err != nil {
			mistakes = append(mistakes, fmt.Errorf(`cron: a tick passes no arguments, but %w: give every parameter a default, as in jobs:"%s(days=1)"`, err, sig.Name))
		}
	}
	if _, guarded := service.Lookup[service.Guard](w.Host); guarded && w.Permission() != "" {
		mistakes = append(mistakes, fmt.Errorf("cron: jobs of ticks have no grant, so the workers would refuse them: remove allow, and add a row of another name for people, with method:%q and allow", w.Method))
	}
	return errors.Join(append(mistakes, w.plan.ReadCron(w.Tag, "cron"), w.plan.ReadPolicies(w.Tag))...)
}

// takesTick reports whether the method takes a [timer.Tick] after ctx.
func takesTick(r *service.Row) bool {
	params := r.Params()
	return len(params) > 0 && params[0] == tickType
}

// tickOf removes the headers of a tick from those of a job, and returns the values that the method
// takes after ctx. For a job that was enqueued without a tick, the tick's time is that of the
// enqueueing.
func (w *work) tickOf(headers transport.Table, enqueued time.Time) []any {
	nominal, missed := periodic.Read(headers)
	if !w.takesTick {
		return nil
	}
	now := time.Now()
	if nominal.IsZero() {
		nominal = enqueued
	}
	if nominal.IsZero() {
		nominal = now.Round(0).UTC()
	}
	return []any{timer.Tick{Nominal: nominal, Actual: now, Missed: missed}}
}

// row returns a periodic row for the store.
func (q *queue) row(ctx context.Context, w *work) store.Periodic {
	body := codec.Body{ContentType: periodic.ContentType, Data: []byte(periodic.Body)}
	return store.Periodic{
		Service: w.Service, Name: w.name, Field: w.Name, Queue: q.name, Schedule: w.plan.Schedule.String(), Zone: cmp.Or(w.Tag.Get("tz"), "UTC"),
		Missed: string(w.plan.Missed), Overlap: string(w.plan.Overlap), Terms: w.rule.terms(ctx, q.process.reader(), body),
	}
}

// beat returns the value that enqueues the jobs of the periodic rows, or nil if there are none.
func (p *process) beat(ctx context.Context) *periodic.Beat {
	beat := &periodic.Beat{Store: p.store, Log: p.host.Logger(), Look: p.cfg.times.look}
	rows := map[string]*work{}
	for _, q := range p.queues {
		for _, w := range q.rows {
			if w.plan != nil {
				beat.Rows = append(beat.Rows, q.row(ctx, w))
				rows[routingKey(w.Service, w.name)] = w
			}
		}
	}
	beat.Inserted = func(row store.Periodic, t store.Tick) {
		p.storage.alarm.in(0) // the sweep wakes a worker
		if w := rows[routingKey(row.Service, row.Name)]; t.Missed > 0 {
			w.Logger().Warn("missed ticks skipped", slog.Int("skipped", t.Missed))
			w.Host.Observers().TicksMissed(w.Row, t.Missed)
		}
	}
	if len(beat.Rows) == 0 {
		return nil
	}
	return beat
}

// checkCronAlone returns an error that names the keys of a periodic row that need a store.
func (w *work) checkCronAlone() error {
	if w.plan != nil && w.plan.Overlap != ticks.OverlapAllow {
		return fmt.Errorf(`overlap:"%s", %sso that one job ends before the next one begins, %w; or write overlap:"allow"`,
			w.plan.Overlap, map[bool]string{true: "the default, "}[w.Tag.Get("overlap") == ""], ErrNoStore)
	}
	return nil
}

// beatAlone returns the value that publishes the jobs of a periodic row without a store, in the
// process that holds the row's token.
func (q *queue) beatAlone(w *work) (timer.Member, error) {
	return timer.Serve(w.Row, "cron", func(ctx context.Context, tick timer.Tick) error {
		m := transport.Publishing{
			Exchange: exchangeName, Key: routingKey(w.Service, w.name), Mandatory: true, Body: []byte(periodic.Body),
			Properties: transport.Properties{
				ContentType: periodic.ContentType, Persistent: true, MessageID: periodic.ID(w.Service, w.name, tick.Nominal),
				Headers: periodic.Headers(tick.Nominal, tick.Missed),
			},
		}
		for delay := awayMin; ; delay = min(2*delay, awayMax) {
			err := q.process.conn().Publish(ctx, m)
			if err == nil {
				return nil
			}
			if ctx.Err() == nil {
				w.Logger().Warn("the job of a tick cannot be published, trying again", "err", err)
			}
			select {
			case <-time.After(delay):
			case <-ctx.Done():
				return err
			case <-w.Host.Stopping():
				return err
			}
		}
	})
}
