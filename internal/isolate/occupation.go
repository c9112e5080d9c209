package isolate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/service"
)

// An occupation is a call that is assigned to a child.
type occupation struct {
	*process
	pool    *pool
	call    *service.IsolatedCall
	ctx     context.Context //nolint:containedctx // for the log lines of the child
	codec   codec.Codec     // of the result
	outcome chan frame
	stacks  chan string
}

// run sends the call to the child and returns its outcome. If the context ends first, it returns
// when the method has returned or the child has ended.
func (o *occupation) run(f frame) (any, error) {
	o.occupied.Store(o)
	written := make(chan error, 1)
	if len(f.head)+len(f.body) <= together { // the pipe has room for it
		written <- f.write(o.in, o.pool.limits)
	} else {
		go func() { written <- f.write(o.in, o.pool.limits) }()
	}
	memory, _ := o.pool.row.Isolated()
	stop := o.watchMemory(memory)
	defer stop()
	select {
	case f := <-o.outcome:
		return o.finish(f)
	case <-o.gone:
		select {
		case f := <-o.outcome: // sent before the process ended
			return o.finish(f)
		default:
			return nil, o.died()
		}
	case <-o.ctx.Done():
		return o.overTime(context.Cause(o.ctx), written)
	}
}

// finish returns the child to the pool, and returns the outcome. A child whose outcome cannot be
// read is killed.
func (o *occupation) finish(f frame) (any, error) {
	o.occupied.Store(nil)
	o.crash.settle(o.process)
	var out outcome
	if err := f.read(&out); err != nil {
		text := err.Error()
		o.broken.Store(&text)
		o.kill()
		<-o.gone
		return nil, o.died()
	}
	o.pool.succeeded()
	o.pool.put(o.process)
	switch {
	case out.Failure != nil:
		return nil, out.Failure.error(o.call)
	case !out.Result:
		return nil, nil
	}
	return codec.Frozen(o.codec, f.body)
}

// died logs that the child ended during the call, and returns the error for it.
func (o *occupation) died() error {
	end := o.end(o.call)
	fields := []slog.Attr{slog.String("reason", string(end.Reason)), slog.String("detail", end.Detail), slog.Int("pid", o.cmd.Process.Pid)}
	if stack := o.crash.stack(o.method()); stack != "" {
		fields = append(fields, slog.String("stack", stack))
	}
	o.log(slog.LevelError, "isolated process ended", fields)
	return end
}

// log logs a message with attributes that identify the call.
func (o *occupation) log(level slog.Level, message string, fields []slog.Attr) {
	identity := []slog.Attr{slog.String("method", o.call.Method), slog.String("call_id", o.call.ID), slog.String("root_call_id", service.LoggedID(o.call.Root()))}
	o.pool.row.Logger().LogAttrs(o.ctx, level, message, append(identity, fields...)...) //nolint:sloglint // a constant of each caller
}

// overTime ends a method whose context has ended. It cancels the context in the child and, if the
// method does not return within the grace period, gets the stacks of the process and kills it.
func (o *occupation) overTime(cause error, written <-chan error) (any, error) {
	grace := time.NewTimer(o.pool.grace())
	defer grace.Stop()
	reads := false // whether the child reads its frames
	select {
	case err := <-written:
		reads = true
		if x, frameErr := newFrame(cancelKind, cancellationOf(cause), nil); err == nil && frameErr == nil {
			_ = x.write(o.in, o.pool.limits) // if this fails, the child is killed later
		}
	case <-grace.C:
		grace.Reset(0)
	}
	select {
	case f := <-o.outcome:
		_, err := o.finish(f)
		if err == nil {
			err = cause
		}
		return nil, err
	case <-o.gone:
		return nil, errors.Join(cause, o.died())
	case <-grace.C:
	}
	stacks := o.lastStacks(reads)
	o.kill()
	<-o.gone
	o.log(slog.LevelError, "isolated process killed", []slog.Attr{
		slog.String("reason", "its method has not returned after its time"), slog.Duration("grace", o.pool.grace()),
		slog.Int("pid", o.cmd.Process.Pid), slog.String("stack", stacks),
	})
	return nil, cause
}

// lastStacks returns the stacks of a child that is about to be killed. If the child does not
// answer, lastStacks sends SIGQUIT, which makes Go print them, though not always those of running
// goroutines.
func (o *occupation) lastStacks(reads bool) string {
	answer := time.NewTimer(o.pool.grace())
	defer answer.Stop()
	ask := frame{kind: stacksKind}
	if reads && ask.write(o.in, o.pool.limits) == nil {
		select {
		case text := <-o.stacks:
			return focused(text, o.method())
		case <-o.gone:
		case <-answer.C:
		}
	}
	o.askStacks()
	answer.Reset(o.pool.grace())
	select {
	case <-o.gone:
	case <-answer.C:
	}
	return o.crash.stack(o.method())
}

// method returns the start of the Go method's line in a stack, such as "(*Shop).Render(".
func (o *occupation) method() string {
	t := o.pool.host.Type(o.call.Service)
	return "(*" + t.Name() + ")." + o.call.Entry.Method + "("
}

// memoryInterval is how often the memory of a process with a running call is checked.
const memoryInterval = 20 * time.Millisecond

// watchMemory kills the child if it takes more memory than limit; 0 means no limit.
func (o *occupation) watchMemory(limit int64) (stop func()) {
	if limit == 0 {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-o.gone:
				return
			case <-tick.C:
			}
			if is := resident(o.cmd.Process.Pid); is > limit {
				o.swollen.Store(is)
				o.kill()
				return
			}
		}
	}()
	return func() { close(done) }
}
