package shell

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/transport"
)

const (
	// completionTime is how long Tab waits for the fleet.
	completionTime = 300 * time.Millisecond

	quickAsk = completionTime * 5 / 6 // for an answer that Tab waits for
	slowAsk  = 2 * time.Second        // for an answer that only the next Tab has
	fresh    = 2 * time.Second        // how long an answer is used before the fleet is asked again
)

// A directory is what the shell knows of the fleet: the running services, their instances and
// descriptions, and the methods that calls have reached. It asks the fleet in the background when
// something is looked up and the last answer is old.
type directory struct {
	conn *transport.Conn // nil: ask nobody
	life context.Context // of the shell; its end ends the questions
	asks sync.WaitGroup  // questions being asked

	mu sync.Mutex

	called    map[string]map[string]bool // methods that calls have reached, by service
	instances map[string][]string        // from the last answer
	described map[string]description     // by service
	questions map[string]*question       // by service, "" for the list of services
}

// A description is a service's answer: a document for each running version, or the reason why there
// is none.
type description struct {
	documents []*contract.Document
	err       error
}

// A question is a question to the fleet.
type question struct {
	answered chan struct{} // closed when there is an answer, or none to wait for
	ended    time.Time     // zero while it is being asked
}

func newDirectory(life context.Context, conn *transport.Conn) *directory {
	return &directory{
		conn: conn, life: life,
		called: map[string]map[string]bool{}, instances: map[string][]string{},
		described: map[string]description{}, questions: map[string]*question{},
	}
}

// add records a method that a call has reached, or only a service if method is "".
func (d *directory) add(service, method string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.called[service] == nil {
		d.called[service] = map[string]bool{}
	}
	if method != "" {
		d.called[service][method] = true
	}
}

// services returns the services that run or that calls have reached. It waits up to wait for the
// fleet.
func (d *directory) services(wait time.Duration) []string {
	d.look("", wait, d.list)
	d.mu.Lock()
	defer d.mu.Unlock()
	names := slices.AppendSeq(slices.Collect(maps.Keys(d.called)), maps.Keys(d.instances))
	slices.Sort(names)
	return slices.Compact(names)
}

// processes returns the instances of a service. It waits up to wait for the fleet.
func (d *directory) processes(service string, wait time.Duration) []string {
	d.look("", wait, d.list)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.instances[service]
}

// methods returns the methods of a service. It waits up to wait for the fleet.
func (d *directory) methods(service string, wait time.Duration) []string {
	described := d.describe(service, wait)
	d.mu.Lock()
	defer d.mu.Unlock()
	names := slices.Collect(maps.Keys(d.called[service]))
	for _, document := range described.documents {
		for i := range document.Rows {
			if r := &document.Rows[i]; r.Kind == "rpc" {
				names = append(names, r.Call)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// method returns the description of a method in the latest version that has it, or nil.
func (d *directory) method(service, method string, wait time.Duration) *contract.Row {
	documents := d.describe(service, wait).documents
	for _, document := range slices.Backward(documents) {
		for i := range document.Rows {
			if r := &document.Rows[i]; r.Kind == "rpc" && r.Call == method {
				return r
			}
		}
	}
	return nil
}

// describe returns what is known of a service after waiting up to wait.
func (d *directory) describe(service string, wait time.Duration) description {
	d.look(service, wait, func(ctx context.Context, limit time.Duration) bool {
		documents, err := fleet.Describe(ctx, d.conn, service, limit)
		d.mu.Lock()
		defer d.mu.Unlock()
		if err == nil || d.described[service].documents == nil { // keep an earlier answer
			d.described[service] = description{documents, err}
		}
		return err == nil
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.described[service]
}

// list asks which services run.
func (d *directory) list(ctx context.Context, limit time.Duration) bool {
	answers, err := fleet.Survey(ctx, d.conn, fleet.Question{Verb: "ping", Wait: limit})
	if err != nil || len(answers.Answers) == 0 {
		return false
	}
	instances := map[string][]string{}
	for _, a := range answers.Answers {
		for _, s := range a.Services {
			instances[s.Name] = append(instances[s.Name], a.Instance)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.instances = instances
	return true
}

// look asks the fleet by calling ask, unless that was done a moment ago, and waits for the answer,
// but no longer than wait. If ask returns false because nothing has arrived within its limit, it is
// called once more with a longer limit; a later look sees that answer.
func (d *directory) look(key string, wait time.Duration, ask func(ctx context.Context, limit time.Duration) bool) {
	if d.conn == nil || d.life.Err() != nil {
		return
	}
	d.mu.Lock()
	q := d.questions[key]
	if q == nil || !q.ended.IsZero() && time.Since(q.ended) > fresh {
		q = &question{answered: make(chan struct{})}
		d.questions[key] = q
		d.asks.Go(func() { d.ask(q, ask) })
	}
	d.mu.Unlock()
	if wait <= 0 {
		return
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case <-q.answered:
	case <-limit.C:
	case <-d.life.Done():
	}
}

// ask asks a question, and asks once more with a longer limit if nobody answers.
func (d *directory) ask(q *question, ask func(context.Context, time.Duration) bool) {
	once := func(limit time.Duration) bool {
		ctx, cancel := context.WithTimeout(d.life, limit+time.Second)
		defer cancel()
		return ask(ctx, limit)
	}
	if !once(quickAsk) && d.life.Err() == nil {
		once(slowAsk)
	}
	close(q.answered)
	d.mu.Lock()
	defer d.mu.Unlock()
	q.ended = time.Now()
}

// close ends the questions. Those that wait for the broker end when its connection is closed.
func (d *directory) close() {
	ended := make(chan struct{})
	go func() {
		d.asks.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(completionTime):
	}
}
