package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/headers"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// perform runs a claimed job, records its end, and follows it up.
func (w *work) perform(ctx context.Context, p *process, l *lease, j *store.Job, v *service.Reservation) {
	result, err := w.call(p, l, j, v)
	if l.lost() && err != nil { // give the job back now, without waiting for a sweep
		err = errors.Join(service.ErrStopped, err)
	}
	p.conclude(ctx, w, l, j, w.judge(l, j, result, err))
}

// call calls the method. Its result is JSON.
func (w *work) call(p *process, l *lease, j *store.Job, v *service.Reservation) (result []byte, err error) {
	r, err := w.request(p, j)
	if err != nil {
		return nil, service.Park(err)
	}
	r.Reserved, r.Cancel, r.Noted = v, l.cancel, l.noted
	value, err := w.Run(l.ctx, r)
	if err != nil || w.Result() == nil {
		return nil, err
	}
	ended := w.Apart(func() { result, err = codec.JSON.Encode(value) })
	if err = errors.Join(ended, err); err != nil {
		err = fmt.Errorf("result cannot be recorded: %w", err)
		w.log(j).Error("job failed", "err", clip.Error(err))
		return nil, service.Park(err)
	}
	if limit := p.consuming.Conn().MaxMessage(); len(result) > limit {
		return nil, service.Park(fmt.Errorf("result cannot be recorded: its %d bytes are over max_message, %d", len(result), limit))
	}
	return result, nil
}

// request returns the request of a job.
func (w *work) request(p *process, j *store.Job) (service.Request, error) {
	table, err := decodeHeaders(j.Headers)
	if err != nil {
		return service.Request{}, err
	}
	conn := p.consuming.Conn()
	leading := w.tickOf(table, j.Created)
	r := headers.Request(&transport.Delivery{
		Exchange: exchangeName, Key: routingKey(j.Service, j.Name), Redelivered: j.Deaths > 0, Properties: transport.Properties{Headers: table},
	})
	r.ID, r.Attempt, r.Cancelled, r.Leading = j.ID, j.Attempt-j.Earlier, errCancel, leading
	r.Job, r.Payload = j.ID, j.Payload
	r.Input = &input{
		body: codec.Body{ContentType: j.ContentType, Data: j.Payload}, accepts: conn.Accepts(),
		message: conn.MaxMessage(), decoded: conn.MaxDecoded(), takes: w.takes,
	}
	return r, nil
}

// judge returns the end of an attempt that returned err.
func (w *work) judge(l *lease, j *store.Job, result []byte, err error) store.End {
	end := store.End{ID: j.ID, Owner: j.Owner, Attempt: j.Attempt, Resource: j.Resource, State: store.Succeeded, Result: result}
	switch {
	case err == nil:
	case errors.Is(context.Cause(l.ctx), errCancel):
		end.State, end.Kind, end.Error = store.Cancelled, store.KindCancelled, errCancel.Error()
	case errors.Is(err, service.ErrStopped): // it was interrupted
		end.State = store.Queued
		return end
	default:
		// The methods of an error are the service's code.
		decided := end
		if ended := w.Apart(func() { w.decide(l.process, &decided, j, err) }); ended == nil {
			end = decided
		} else {
			end.State, end.Kind, end.Error = store.Failed, store.KindFault, fmt.Sprintf("%T: %v", err, ended)
		}
	}
	return end
}

// decide sets the end according to err, whose methods it calls.
func (w *work) decide(p *process, end *store.End, j *store.Job, err error) {
	end.State, end.Kind = store.Failed, store.KindFault
	if errors.Is(err, service.ErrTimeout) {
		end.Kind = store.KindTimeout
	}
	known := rpcerror.From(err)
	end.ErrorType, end.Error = known.Path, known.Value
	var panicked *service.PanicError
	if errors.As(err, &panicked) {
		end.Stack = string(panicked.Stack)
	}
	attempt, verdict := j.Attempt-j.Earlier, service.VerdictOf(err)
	delay, more := w.ladder.Delay(attempt)
	switch {
	case verdict.Action == service.Dropped:
		end.State, end.Kind = store.Cancelled, store.KindCancelled
	case verdict.Action == service.Parked:
	case verdict.Asked && (len(w.ladder) == 0 || more):
		end.State, end.In = store.Scheduled, verdict.After
	case more:
		end.State, end.In = store.Scheduled, delay
	}
	if !p.cfg.hasStore() { // package messaging decides
		return
	}
	seen := service.Failure{Entry: w.Row, Attempt: attempt, After: end.In, Reason: end.Kind, Err: err}
	switch observers := w.Host.Observers(); end.State {
	case store.Scheduled:
		observers.Retried(context.Background(), seen)
		w.log(j).Info("job is tried again", "attempt", attempt, "delay", end.In)
	case store.Cancelled:
		observers.Dropped(context.Background(), seen)
	default:
		observers.Parked(context.Background(), seen)
		w.log(j).Error("job failed", "attempts", attempt, "err", clip.Text(end.Error, clip.Log), "look", "gomeko jobs show "+j.ID)
	}
}

// log returns the logger for a job of the row.
func (w *work) log(j *store.Job) *slog.Logger { return w.Logger().With("job", j.ID) }

// conclude records the end of an attempt and, if the job has ended, follows it up. w is nil if no
// row has the job's name.
func (p *process) conclude(ctx context.Context, w *work, l *lease, j *store.Job, end store.End) {
	if end.State.Final() && (j.ReplyTo != "" || w != nil && w.done != nil) {
		end.Hook, end.HookLease = true, p.lease()
	}
	recorded := p.ends.record(ctx, end)
	if !recorded.counts {
		if ctx.Err() == nil {
			p.host.Logger().Warn("the outcome of a job is not recorded: another worker has it", "job", j.ID, "service", j.Service, "name", j.Name)
		}
		return
	}
	end = recorded.End
	if end.State == store.Scheduled {
		p.storage.alarm.in(end.In)
	}
	if !end.Hook {
		return
	}
	j.State, j.Result, j.ErrorType, j.Error = end.State, end.Result, end.ErrorType, end.Error
	again := p.leases.hold(ctx, j, time.Now()) // the context of the method is cancelled by now
	l.drop()
	defer again.drop()
	p.follow(again, w, j)
}
