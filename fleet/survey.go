package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/transport"
)

// A Question is a question for [Survey] to ask.
type Question struct {
	// Verb is ping, info, describe, stats, health, dump or level.
	Verb string

	// Service and Instance select the processes to ask: all of them, those of a service, or one
	// instance of a service.
	Service, Instance string

	// Arguments is encoded as the verb's JSON object. Leave it nil for verbs without arguments.
	Arguments any

	// Wait limits the wait for answers. The default is one second.
	Wait time.Duration
}

// An Answer is the answer of a process. All of it comes from elsewhere, and may contain terminal
// control characters.
type Answer struct {
	Schema   string             `json:"schema"`
	Instance string             `json:"instance"`
	Services []AnsweringService `json:"services"`
	Answer   json.RawMessage    `json:"answer,omitempty"`
	Error    string             `json:"error,omitempty"` // why the process could not answer
}

// An AnsweringService is a service of a process that has answered.
type AnsweringService struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`

	// Consumers is the number of consumers that the process has on the service's request queue. It
	// is nil if the service has no RPC methods there.
	Consumers *int `json:"consumers,omitempty"`
}

// Answers are the results of [Survey].
type Answers struct {
	Answers []Answer // sorted by instance
	Counts  []Count  // one for each service, sorted
}

// A Count compares the answers for a service with the consumers that the broker knows.
type Count struct {
	Service  string `json:"service"`
	Answered int    `json:"answered"` // processes

	// Others is the number of consumers on the service's request queue that belong to none of the
	// processes that answered: Nameko processes in Python, processes that answer nothing, and dead
	// connections that the broker has not noticed yet.
	Others int `json:"others"`
}

// Complete reports whether every consumer of the request queues belongs to a process that has
// answered.
func (a Answers) Complete() bool {
	return !slices.ContainsFunc(a.Counts, func(c Count) bool { return c.Others > 0 })
}

const (
	// surveyWait is how long a survey waits for answers.
	surveyWait = time.Second

	// quiet is how long a survey of all services, once complete, waits for further answers: for
	// services without RPC, no queue tells how many processes there are.
	quiet = 100 * time.Millisecond

	// recheck is how often an incomplete survey asks for the number of consumers again, because it
	// changes.
	recheck = 250 * time.Millisecond
)

// Survey asks the processes of a fleet and returns their answers. It needs no registry: the
// processes that answer are those that run. It ends when the answers account for all consumers of
// the services' request queues, or at the end of the wait. A question expires with its wait, or
// after 5 s.
func Survey(ctx context.Context, conn *transport.Conn, q Question) (Answers, error) {
	s := &survey{conn: conn, question: q, id: uuid.NewString(), answers: map[string]Answer{}, consumers: map[string]int{}}
	if !slices.Contains(verbs, control.Verb(q.Verb)) {
		return Answers{}, fmt.Errorf("unknown verb %q: must be one of %v", q.Verb, verbs)
	}
	if q.Instance != "" && q.Service == "" {
		return Answers{}, errors.New("an instance is asked by the name of a service of it: set Service")
	}
	if err := s.open(ctx); err != nil {
		return Answers{}, err
	}
	defer s.close()
	wait := cmp.Or(q.Wait, surveyWait)
	if err := s.ask(ctx, control.Verb(q.Verb), q.Arguments); err != nil || s.nobody {
		return Answers{}, err
	}
	if err := s.collect(ctx, wait); err != nil {
		return Answers{}, err
	}
	return s.result(), nil
}

var verbs = []control.Verb{control.Ping, control.Info, control.Describe, control.Stats, control.Health, control.Dump, control.Level}

// A survey is a running Survey.
type survey struct {
	conn     *transport.Conn
	question Question
	id       string // correlation ID of the question; that of a recheck begins with it
	queue    string
	received chan received
	stopped  context.Context
	stop     context.CancelFunc
	consumer *transport.Consumer
	nobody   bool // the exchange does not exist

	answers   map[string]Answer // by instance
	consumers map[string]int    // of the request queue, by service
}

// A received is an answer to the question, or to a recheck.
type received struct {
	Answer
	again bool
}

// maxPending is how many answers may wait in memory to be collected.
const maxPending = 100

// open declares the queue for the answers and starts consuming.
func (s *survey) open(ctx context.Context) (err error) {
	s.queue = control.AnswersPrefix + s.id
	if err := s.conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: s.queue, Exclusive: true, AutoDelete: true}}}); err != nil {
		return err
	}
	s.received = make(chan received)
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.consumer, err = s.conn.Consume(ctx, transport.Consume{Queue: s.queue, Prefetch: maxPending, Handle: s.receive})
	if err != nil {
		s.stop()
	}
	return err
}

// receive passes an answer on. Anyone who knows the name of the queue may have sent it.
func (s *survey) receive(d *transport.Delivery) {
	defer d.Ack()
	var a received
	again := d.CorrelationID == s.id+"+"
	verb := cmp.Or(map[bool]control.Verb{true: control.Ping}[again], control.Verb(s.question.Verb))
	if !again && d.CorrelationID != s.id || json.Unmarshal(d.Body, &a.Answer) != nil || a.Schema != control.SchemaOf(verb) || a.Instance == "" {
		return
	}
	a.again = again
	select {
	case s.received <- a:
	case <-s.stopped.Done():
	}
}

// close deletes the queue.
func (s *survey) close() {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), control.Valid)
	defer cancel()
	_ = s.consumer.Close(ctx)
	_ = s.conn.Delete(ctx, s.queue) // otherwise it would be declared again after a reconnect
}

// ask sends a verb to the processes that the question addresses.
func (s *survey) ask(ctx context.Context, v control.Verb, arguments any) error {
	p := transport.Publishing{
		Exchange: control.Exchange,
		Key:      control.Key(v, s.question.Service, s.question.Instance),
		Signed:   true,
		Properties: transport.Properties{
			ContentType: contentType, ContentEncoding: encoding,
			CorrelationID: s.id, ReplyTo: s.queue, Expiration: control.Valid,
		},
	}
	if v != control.Verb(s.question.Verb) {
		p.CorrelationID += "+"
	}
	if arguments != nil {
		var err error
		if p.Body, err = json.Marshal(arguments); err != nil {
			return err
		}
	}
	err := s.conn.Publish(ctx, p)
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound {
		s.nobody = true
		return nil
	}
	return err
}

// collect receives answers until they are complete or wait has passed.
func (s *survey) collect(ctx context.Context, wait time.Duration) error {
	if s.question.Service != "" {
		if err := s.count(ctx, s.question.Service); err != nil {
			return err
		}
	}
	end, calm, again := time.NewTimer(wait), time.NewTimer(quiet), time.NewTicker(recheck)
	defer end.Stop()
	defer calm.Stop()
	defer again.Stop()
	for {
		select {
		case a := <-s.received:
			calm.Reset(quiet)
			if err := s.take(ctx, a); err != nil {
				return err
			}
			if _, counted := s.consumers[s.question.Service]; (counted || s.question.Instance != "") && s.complete() {
				return nil
			}
		case <-calm.C:
			if s.complete() {
				return nil
			}
		case <-again.C:
			if err := s.again(ctx); err != nil {
				return err
			}
			calm.Reset(quiet)
		case <-end.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take stores an answer. An answer to a recheck only updates the number of consumers.
func (s *survey) take(ctx context.Context, a received) error {
	if known, ok := s.answers[a.Instance]; a.again && ok {
		known.Services = a.Services
		s.answers[a.Instance] = known
	} else if !a.again {
		s.answers[a.Instance] = a.Answer
	}
	for _, service := range a.Services {
		if _, counted := s.consumers[service.Name]; !counted && service.Consumers != nil && s.asks(service.Name) {
			if err := s.count(ctx, service.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// asks reports whether the question is about a service.
func (s *survey) asks(service string) bool {
	return s.question.Instance == "" && (s.question.Service == "" || s.question.Service == service)
}

// count asks the broker how many consumers the request queue of a service has.
func (s *survey) count(ctx context.Context, service string) error {
	if s.question.Instance != "" || len(service) > maxService {
		return nil
	}
	_, consumers, err := s.conn.Inspect(ctx, requestQueue+service)
	if refused := (*transport.Error)(nil); errors.As(err, &refused) && refused.Code == notFound {
		delete(s.consumers, service)
		return nil
	}
	if err != nil {
		return err
	}
	s.consumers[service] = consumers
	return nil
}

const (
	// requestQueue is the prefix of the names of request queues.
	requestQueue = "rpc-"
	maxService   = 255 - len(requestQueue)
)

// again asks the broker and the processes again for the number of consumers, unless the answers are
// complete. The numbers change with the load.
func (s *survey) again(ctx context.Context) error {
	if s.question.Instance != "" || s.complete() {
		return nil
	}
	for _, service := range slices.Sorted(maps.Keys(s.consumers)) {
		if err := s.count(ctx, service); err != nil {
			return err
		}
	}
	return s.ask(ctx, control.Ping, nil)
}

// complete reports whether the answers account for all consumers.
func (s *survey) complete() bool {
	if len(s.answers) == 0 {
		return false
	}
	if s.question.Instance != "" {
		return true
	}
	return s.result().Complete()
}

// result returns the answers collected so far.
func (s *survey) result() Answers {
	r := Answers{}
	counts, owned := map[string]*Count{}, map[string]int{}
	for service := range s.consumers {
		counts[service] = &Count{Service: service}
	}
	for _, instance := range slices.Sorted(maps.Keys(s.answers)) {
		a := s.answers[instance]
		r.Answers = append(r.Answers, a)
		for _, service := range a.Services {
			if !s.asks(service.Name) {
				continue
			}
			if counts[service.Name] == nil {
				counts[service.Name] = &Count{Service: service.Name}
			}
			counts[service.Name].Answered++
			if service.Consumers != nil {
				owned[service.Name] += *service.Consumers
			}
		}
	}
	for service, c := range counts {
		c.Others = max(0, s.consumers[service]-owned[service])
		r.Counts = append(r.Counts, *c)
	}
	slices.SortFunc(r.Counts, func(a, b Count) int { return strings.Compare(a.Service, b.Service) })
	return r
}
