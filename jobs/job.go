package jobs

import (
	"cmp"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/ticks"
	"github.com/gomeko/gomeko/service"
)

// Job is a row of the entrypoint table. Its method runs jobs that are enqueued, for now or later,
// by a [Client] or by a program in any language.
//
//	Resize jobs.Job `jobs:"resize(url, width=200)" retry:"10s 1m 10m" timeout:"2h" done:"Resized" queue:"slow"`
//
//	func (i *Images) Resize(ctx context.Context, url string, width int) (Image, error)
//	func (i *Images) Resized(ctx context.Context, o jobs.Outcome) error
//
// The tag has the job's name and its parameters, like that of rpc.Method. The result is recorded as
// JSON. The other keys of the tag:
//
//	retry        "10s 1m 10m": if the method fails, it runs again after these delays. Without it, the
//	             job fails at once. Expected errors are not retried. service.RetryAfter retries after
//	             exactly the given time, service.Park fails the job, and service.Drop cancels it
//	queue        a separate queue for the rows of the service with this key, so that long jobs in one
//	             queue do not hold up those of another
//	done         a method func(ctx context.Context, o jobs.Outcome) error that is called when the job
//	             has succeeded, failed or been cancelled. If it returns an error, it is called again
//	timeout      limits one attempt. Without a store, the maximum and the default are 25 minutes
//	max_workers  limits how many jobs of the row run in this process at once
//	unique       "true", or some of the parameters: "url, width". While a job with the same arguments
//	             has not ended, enqueueing another returns the Ref of the first. See Unique jobs in the
//	             package comment
//	unique_for   "1h": a job keeps its arguments reserved for at least this time, even if it has ended
//	resource     "products", or with arguments, "tenant:{tenant_id}". Jobs of all services with the
//	             same resource run one after the other, in the order in which they were enqueued. See
//	             Resources in the package comment
//	on_retry     what the other jobs of the resource do while a job waits for its next attempt: "wait",
//	             the default, or "pass"
//	cron         "30 2 * * *": a job is enqueued at these times, without arguments. See Periodic jobs
//	             in the package comment, also for the keys tz, missed and overlap
type Job struct{}

// A work is what a queue knows of a row.
type work struct {
	*service.Row
	name      string
	takes     int            // how many arguments it takes by position
	ladder    service.Ladder // the delays between attempts
	done      *service.Row   // of the done hook; nil if there is none
	plan      *ticks.Plan    // when jobs are enqueued; nil if they are not periodic
	takesTick bool           // the method takes a timer.Tick after ctx
	rule      *rule          // of its unique key and resource; nil if it has neither
	spec      string         // the rule for the store; "" if there is none
}

// Entrypoint binds the row: it implements [service.EntrypointType].
func (Job) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	w := &work{Row: r}
	r.UseGrants()
	queue := r.Tag.Get("queue")
	mistakes := errors.Join(r.Tag.Keys("jobs", "retry", "queue", "done", "cron", "tz", "missed", "overlap", "unique", "unique_for", "resource", "on_retry"),
		w.bind(), w.readRetry(), w.readDone(), w.readSpec(), checkQueue(r.Service, queue))
	if e, err := eagerOf(r.Host); err != nil || e != nil {
		if err = errors.Join(mistakes, err); err != nil {
			return nil, err
		}
		return e.add(w)
	}
	p, err := processOf(r.Host)
	if err = errors.Join(mistakes, err); err != nil {
		return nil, err
	}
	return p.add(w, queue)
}

// Isolatable allows rows to have isolate:"process".
func (Job) Isolatable() bool { return true }

// Describe implements [service.RowDescriber].
func (Job) Describe(r *service.Row) service.Description {
	details := map[string]any{"queue": queueName(r.Service, r.Tag.Get("queue")), "key": routingKey(r.Service, r.CallName())}
	for _, key := range []string{"retry", "done", "cron", "unique", "unique_for", "resource", "on_retry"} {
		if value := r.Tag.Get(key); value != "" {
			details[key] = value
		}
	}
	if r.Tag.Get("cron") != "" {
		details["zone"], details["missed"], details["overlap"] = cmp.Or(r.Tag.Get("tz"), "UTC"), cmp.Or(r.Tag.Get("missed"), string(ticks.MissedOnce)),
			cmp.Or(r.Tag.Get("overlap"), string(ticks.OverlapSkip))
	}
	return service.Description{Details: details}
}

// bind binds the method.
func (w *work) bind() error {
	spec := w.Tag.Get("jobs")
	name, _, _ := strings.Cut(spec, "(")
	switch {
	case spec == "":
		return errors.New(`the tag must name the job, as in jobs:"resize(url)"`)
	case strings.Contains(name, "."):
		return fmt.Errorf("job %q contains a dot: write %q; the service's name is put before it", name, strings.ReplaceAll(name, ".", "_"))
	}
	var leading []reflect.Type
	if w.takesTick = takesTick(w.Row); w.takesTick {
		leading = append(leading, tickType)
	}
	sig, err := w.Bind(spec, leading...)
	if err = errors.Join(err, w.readCron(sig)); err != nil {
		return err
	}
	w.name, w.takes = sig.Name, sig.Takes()
	if result := w.Result(); result != nil {
		return codec.Set{codec.JSON}.CheckEncode("result", "", result)
	}
	return nil
}

func (w *work) readRetry() (err error) {
	if text, ok := w.Tag.Get("retry"), w.Tag.Get("retry") != ""; ok {
		w.ladder, err = service.ParseLadder(text)
	}
	return err
}

// readDone binds the done hook. Calls of the hook are named after its method.
func (w *work) readDone() (err error) {
	method := w.Tag.Get("done")
	if method == "" {
		return nil
	}
	if w.done, err = w.Follow(method, method, reflect.TypeFor[Outcome]()); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	return nil
}

// readSpec reads the keys unique and resource.
func (w *work) readSpec() error {
	s := spec{Unique: w.Tag.Get("unique"), UniqueFor: w.Tag.Get("unique_for"), Resource: w.Tag.Get("resource"), OnRetry: w.Tag.Get("on_retry")}
	sig := w.Signature()
	if sig == nil || !s.says() && s.UniqueFor == "" && s.OnRetry == "" {
		return nil
	}
	s.Signature = sig.String()
	r, err := s.rule(sig, "")
	if err != nil {
		return err
	}
	params := w.Parameters()
	for _, i := range r.unique {
		s.Hidden = s.Hidden || params[i].Sensitive
	}
	r.hidden = s.Hidden
	for _, p := range r.resource {
		if p.param < 0 {
			continue
		}
		switch param := params[p.param]; {
		case param.Sensitive:
			err = errors.Join(err, fmt.Errorf("resource: the parameter %s is sensitive, but names of resources are printed: name another one", param.Name))
		case !scalar(param.Type):
			err = errors.Join(err, fmt.Errorf("resource: the parameter %s is %s: its type must be a text, a number or a boolean", param.Name, param.Type))
		}
	}
	if w.spec = s.text(); w.spec != "" {
		w.rule = r
	}
	return err
}

// scalar reports whether values of a type are texts, numbers or booleans.
func scalar(t reflect.Type) bool {
	switch k := t.Kind(); {
	case t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler):
		return true
	case k == reflect.String, k >= reflect.Bool && k <= reflect.Float64 && k != reflect.Uintptr:
		return true
	}
	return false
}

var unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

var queueForm = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// checkQueue checks the key queue.
func checkQueue(service, queue string) error {
	switch full := queueName(service, queue); {
	case !queueForm.MatchString(queue):
		return fmt.Errorf("queue %q: must have only letters, digits, - and _", queue)
	case full == unroutedName:
		return fmt.Errorf("queue %s is the one of jobs that nobody knows: name the service otherwise", full)
	case len(full) > maxID:
		return fmt.Errorf("queue: its full name %s has %d bytes: at most %d are allowed", full, len(full), maxID)
	}
	return nil
}

type runKey struct{}

// Progress records how far the job of ctx has come, as a fraction from 0 to 1 and a text of at most
// 255 bytes. gomeko jobs and [Ref.Status] show it. Only the latest progress is kept, and it is
// written once a second, so Progress may be called as often as you like. Outside of a job, and
// without a store, Progress does nothing.
func Progress(ctx context.Context, fraction float64, text string) {
	if !(fraction > 0) { // or it is NaN
		fraction = 0
	}
	is := &progress{min(fraction, 1), text}
	if l, ok := ctx.Value(runKey{}).(*lease); ok {
		l.progress.Store(is)
	} else if data, err := json.Marshal(is); err == nil { // the method may run in a separate process
		service.Note(ctx, data)
	}
}

// A progress is how far a job has come.
type progress struct {
	Fraction float64
	Text     string
}

// noted takes the progress that a method in another process has reported.
func (l *lease) noted(data []byte) {
	is := new(progress)
	if json.Unmarshal(data, is) == nil {
		l.progress.Store(is)
	}
}

// unknownFor is how long a job waits for a worker that has a row of its name, and unknownAgain the
// pause between two such workers. While a new version is deployed, workers of the old one still
// run.
const (
	unknownFor   = 10 * time.Minute
	unknownAgain = 30 * time.Second
)
