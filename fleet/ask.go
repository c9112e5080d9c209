package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/timer"
	"github.com/gomeko/gomeko/transport"
)

// A Verb is a command to a timer.
type Verb string

const (
	Show   Verb = "show"   // only ask for the timer's state
	Pause  Verb = "pause"  // stop ticking in every process until resumed
	Resume Verb = "resume" // tick again; the row decides what happens to ticks missed meanwhile
	Run    Verb = "run"    // call the method once now, even if the timer is paused
)

// changes maps each verb to its change of the timer's state.
var changes = map[Verb]func(*timer.State){
	Show:   func(*timer.State) {},
	Pause:  func(s *timer.State) { s.Paused = true },
	Resume: func(s *timer.State) { s.Paused = false },
	Run:    func(s *timer.State) { s.Asked = true },
}

// A Timer describes a row that ticks in one process of the fleet, according to the process that
// holds its token.
type Timer struct {
	Service  string    `json:"service"`
	Row      string    `json:"row"`
	Schedule string    `json:"schedule"`       // the interval or the cron expression
	Zone     string    `json:"zone,omitempty"` // of the cron expression
	Last     time.Time `json:"last,omitzero"`  // the last tick
	Next     time.Time `json:"next,omitzero"`  // the next tick
	Paused   bool      `json:"paused"`
	Holder   string    `json:"holder"` // host/pid-xxxx
}

var (
	// ErrUnknownTimer is returned by Ask for a timer that no process has declared.
	ErrUnknownTimer = errors.New("no such timer")

	// ErrNoAnswer is returned by Ask if no process answers before its ctx ends. The command stays
	// in the timer's queue until a process of the service runs.
	ErrNoAnswer = errors.New("no process has answered yet; the command waits for one")
)

// Ask sends a command to the process that holds the token of a timer, and returns its answer. It
// waits for the answer until ctx ends.
func Ask(ctx context.Context, conn *transport.Conn, service, row string, verb Verb) (Timer, error) {
	p, err := publishing(queueName(service, row), commandType, command{verb})
	if err != nil {
		return Timer{}, err
	}
	answers, stop, err := ask(ctx, conn, p, verb)
	if err != nil {
		if returned := (*transport.Returned)(nil); errors.As(err, &returned) {
			err = ErrUnknownTimer
		}
		return Timer{}, fmt.Errorf("timer %s.%s: %w", service, row, err)
	}
	defer stop()
	select {
	case t := <-answers:
		return t, nil
	case <-ctx.Done():
		return Timer{}, fmt.Errorf("timer %s.%s: %w", service, row, ErrNoAnswer)
	}
}

// List returns the timers whose processes answer within the given time. It does not include timers
// of which no process is running.
func List(ctx context.Context, conn *transport.Conn, within time.Duration) ([]Timer, error) {
	p, err := publishing("", commandType, command{Show})
	if err != nil {
		return nil, err
	}
	p.Exchange, p.Mandatory = exchange, true
	answers, stop, err := ask(ctx, conn, p, Show)
	if returned, refused := (*transport.Returned)(nil), (*transport.Error)(nil); errors.As(err, &returned) || errors.As(err, &refused) && refused.Code == notFound {
		return nil, nil // nobody has declared a timer yet
	}
	if err != nil {
		return nil, err
	}
	defer stop()
	var all []Timer
	for after := time.After(within); ; {
		select {
		case t := <-answers:
			all = append(all, t)
		case <-after:
			return all, nil
		case <-ctx.Done():
			return all, context.Cause(ctx)
		}
	}
}

// notFound is the broker's reply code for an exchange that does not exist.
const notFound = 404

// patience is how long a command that only asks stays in a queue.
const patience = 5 * time.Second

// ask publishes a command. It returns a channel that receives the answers until stop is called.
func ask(ctx context.Context, conn *transport.Conn, p transport.Publishing, verb Verb) (<-chan Timer, func(), error) {
	p.ReplyTo, p.CorrelationID = "gomeko.timer.answers."+uuid.NewString(), uuid.NewString()
	if verb == Show {
		p.Expiration = patience
	}
	if err := conn.Declare(ctx, transport.Topology{Queues: []transport.Queue{{Name: p.ReplyTo, Exclusive: true, AutoDelete: true}}}); err != nil {
		return nil, nil, err
	}
	answers := make(chan Timer, 1)
	stopped, end := context.WithCancel(context.Background())
	consumer, err := conn.Consume(ctx, transport.Consume{Queue: p.ReplyTo, Handle: func(d *transport.Delivery) {
		defer d.Ack()
		var t Timer
		if d.CorrelationID != p.CorrelationID || json.Unmarshal(d.Body, &t) != nil {
			return // from someone who guessed the name of the queue
		}
		select {
		case answers <- t:
		case <-stopped.Done():
		}
	}})
	stop := func() {
		end()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if consumer != nil {
			_ = consumer.Close(ctx)
		}
		_ = conn.Delete(ctx, p.ReplyTo) // otherwise it would be declared again after a reconnect
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	if err := conn.Publish(ctx, p); err != nil {
		stop()
		return nil, nil, err
	}
	return answers, stop, nil
}
