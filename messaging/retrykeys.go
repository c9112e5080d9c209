package messaging

import (
	"errors"
	"fmt"

	"github.com/gomeko/gomeko/service"
)

// FailureKeys returns the keys of a row's tag that [Subscription.ReadFailures] reads.
func FailureKeys() []string { return []string{"retry", "requeue", "ack", "inbox"} }

// ReadFailures sets Retry, Requeue, AckEarly and Inbox from the keys in the row's tag for messages
// whose call fails, or that arrive again. Queue, Topology and the offset of a stream must be set
// before.
func (s *Subscription) ReadFailures(r *service.Row) error {
	requeue, requeueErr := r.Tag.Flag("requeue", false)
	early, earlyErr := earlyOf(r.Tag)
	s.Requeue, s.AckEarly = requeue, early
	ladder, ladderErr := s.ladder(r)
	s.Retry = ladder
	inbox, inboxErr := r.Tag.Flag("inbox", false)
	s.Inbox = inbox
	return errors.Join(requeueErr, earlyErr, ladderErr, inboxErr)
}

// ladder reads the key retry of a row's tag, or the default in the configuration.
func (s *Subscription) ladder(r *service.Row) (service.Ladder, error) {
	text := r.Tag.Get("retry")
	if text == "" {
		if cfg, _ := service.Lookup[Config](r.Host); cfg.Retry != "" && !s.Requeue && !s.AckEarly && !s.isStream() {
			ladder, err := service.ParseLadder(cfg.Retry)
			if err != nil {
				return nil, fmt.Errorf("gomeko.retry in the configuration (messaging.Config.Retry): %w", err)
			}
			return ladder, nil
		}
		if s.Requeue && s.AckEarly {
			return nil, errors.New(`requeue has no meaning with ack:"early", because the message is acknowledged before the call: remove one of them`)
		}
		return nil, nil
	}
	switch {
	case s.Requeue:
		return nil, errors.New("retry and requeue contradict each other: remove requeue to try again after the delays of retry, or remove retry to try again without end")
	case s.AckEarly:
		return nil, errors.New(`retry has no meaning with ack:"early", because the message is acknowledged before the call: remove one of them`)
	case s.isStream():
		return nil, errors.New("retry has no meaning for a stream, which does not take messages back: remove it")
	}
	return service.ParseLadder(text)
}

// earlyOf reads the key ack.
func earlyOf(tag service.Tag) (bool, error) {
	switch ack := tag.Get("ack"); ack {
	case "":
		return false, nil
	case "early":
		return true, nil
	default:
		return false, fmt.Errorf(`ack %q is not known: write ack:"early" to acknowledge messages before their calls, or omit ack to acknowledge them afterwards`, ack)
	}
}

// isStream reports whether the row reads a stream.
func (s *Subscription) isStream() bool { return s.args["x-stream-offset"] != nil }

// isTransient reports whether messages that wait for a retry would outlive the queue that they
// failed in, or whether other processes read the same messages, as from a stream.
func (s *Subscription) isTransient() bool {
	if s.isStream() {
		return true
	}
	for _, q := range s.Topology.Queues {
		if q.Name == s.Queue && (q.Exclusive || q.AutoDelete || q.Args["x-expires"] != nil) {
			return true
		}
	}
	return false
}
