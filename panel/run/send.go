package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
)

// answerTime is how much longer than the timeout of its row the panel waits for a call, so that the
// answer can say why the call was ended.
const answerTime = 5 * time.Second

// errCancelled is the cause with which the context of a call is cancelled when a user cancels it.
var errCancelled = errors.New("cancelled")

// sign returns the grant of a run, or "" without a key.
func (r *Runs) sign(x *Run, who Who, job string, body []byte) (string, error) {
	if r.cfg.Key == nil {
		return "", nil
	}
	g := grant.Grant{User: x.User, Superuser: who.User.Superuser, Service: x.Service, Row: x.Row, Issued: time.Now()}
	if !g.Superuser {
		g.Groups = grant.Needed(who.User.Groups, x.Allow)
	}
	if job != "" {
		g.Job, g.Arguments = job, grant.Hash(body)
	} else {
		g.Expires = g.Issued.Truncate(time.Second).Add(grant.Lifetime)
	}
	return r.cfg.Key.Sign(g)
}

// call makes the call of a run, and records its end.
func (r *Runs) call(x *Run, who Who, a *arguments) {
	defer r.tasks.Done()
	ctx, cancel := context.WithCancelCause(r.life)
	defer cancel(nil)
	r.hold(x.ID, cancel)
	defer r.drop(x.ID)
	ctx, end := context.WithTimeout(ctx, x.timeout)
	defer end()
	text, err := r.sign(x, who, "", nil)
	if err != nil {
		r.finish(x, outcome{state: Failed, err: "it was not sent: " + err.Error()})
		return
	}
	sent := rpc.With(ctx, rpc.Parent(x.CallID))
	if text != "" {
		sent = grant.With(sent, text)
	}
	reply := r.caller.Client(x.Service).Go(sent, x.Call, a.list...)
	select {
	case <-reply.Done(): // it could not be sent, or the answer came quickly
	default:
		r.at("sent", x.ID)
		r.confirm(ctx, x, Running, "")
	}
	var result json.RawMessage
	err = reply.Result(context.WithoutCancel(ctx), &result)
	r.at("answered", x.ID)
	r.finish(x, r.outcomeOf(ctx, x, result, err))
}

// outcomeOf returns the outcome of a call.
func (r *Runs) outcomeOf(ctx context.Context, x *Run, result json.RawMessage, err error) outcome {
	var remote *rpc.Error
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		return outcome{state: Succeeded, result: result}
	case errors.Is(cause, errCancelled):
		return outcome{state: Cancelled, err: "it was cancelled; the method may have done a part of its work"}
	case errors.Is(cause, ErrClosed):
		return outcome{state: Lost, err: "the panel was stopped while it waited for the answer: the method may have run to its end"}
	case (errors.Is(err, rpc.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)) && x.confirmed:
		text := fmt.Sprintf("no answer in %s, and it may still run", x.timeout)
		if len(x.Hidden) == 0 { // it may be the answer of the method
			text += ": " + err.Error()
		}
		return outcome{state: Failed, errorType: rpc.ErrTimeout.Path, err: text}
	case errors.As(err, &remote):
		return outcome{state: Failed, errorType: remote.Path, err: x.quote(remote.Value)}
	case errors.Is(err, rpc.ErrConnectionLost):
		return outcome{state: Lost, err: "the connection to the broker was lost, and the method may have run: " + err.Error()}
	}
	return outcome{state: Failed, err: err.Error()}
}

// hold registers a run whose end this process waits for. The lease of the run is renewed, and
// cancel is called when a user cancels it.
func (r *Runs) hold(id string, cancel context.CancelCauseFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own[id] = cancel
}

func (r *Runs) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, id)
}

// enqueue enqueues the job of a run, and sets its outcome in x. It reports whether a goroutine
// waits for the outcome; that goroutine then ends the task.
func (r *Runs) enqueue(x *Run, who Who, a *arguments) (waits bool, err error) {
	ctx, cancel := context.WithTimeout(r.life, sendTime)
	defer cancel()
	r.hold(x.ID, func(error) {}) // a job that was sent is cancelled later
	defer func() {
		if !waits {
			r.drop(x.ID)
		}
	}()
	options := []any{jobs.ID(x.ID)}
	if r.cfg.Key != nil {
		options = append(options, jobs.Attach(func(id string, body []byte) (map[string]string, error) {
			text, err := r.sign(x, who, id, body)
			return map[string]string{grant.Data: text}, err
		}))
	}
	ref, err := r.enqueuer.Client(x.Service).Enqueue(ctx, x.Call, append(options, a.list...)...)
	r.at("sent", x.ID)
	if err != nil {
		return false, r.notSent(ctx, x, err)
	}
	r.confirm(ctx, x, Queued, ref.ID())
	if r.cfg.Jobs != nil {
		return false, nil
	}
	copied := *x
	go r.await(&copied, ref)
	return true, nil
}

const unsent = `UPDATE gomeko_panel_run SET error = $2 WHERE id = $1 AND state = 'starting'`

// notSent records that a job may not have been enqueued. With a store, this is known when the lease
// of the run has expired.
func (r *Runs) notSent(ctx context.Context, x *Run, err error) error {
	x.Error = "it was not enqueued: " + secret.Mask(err.Error())
	if r.cfg.Jobs == nil {
		r.finish(x, outcome{state: Lost, err: "it is not known whether the job was enqueued: " + err.Error()})
		return nil
	}
	_, err = r.exec(context.WithoutCancel(ctx), r.cfg.DB, unsent, x.ID, clean(x.Error))
	return err
}

// await waits for the outcome of a job without a store.
func (r *Runs) await(x *Run, ref jobs.Ref[json.RawMessage]) {
	defer r.tasks.Done()
	ctx, cancel := context.WithCancelCause(r.life)
	defer cancel(nil)
	r.hold(x.ID, cancel)
	defer r.drop(x.ID)
	result, err := ref.Wait(ctx)
	var failed *jobs.Error
	switch {
	case err == nil:
		r.finish(x, outcome{state: Succeeded, result: result})
	case errors.As(err, &failed):
		r.finish(x, outcome{state: State(failed.State), errorType: failed.Type, err: x.quote(failed.Text), attempts: failed.Attempts})
	default:
		r.finish(x, outcome{state: Lost, err: "the outcome of the job is not known without a store of jobs: " + err.Error()})
	}
}
