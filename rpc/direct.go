package rpc

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/gomeko/gomeko/transport"
)

// A request to one instance of a service arrives on the control queue of its process. It is
// published to the exchange of all requests with the routing key
// gomeko.at.<service>.<instance>.<method>, so whoever may call a service may call one of its
// instances. Nameko binds keys of two words, and never gets it.

const (
	directPrefix = "gomeko.at."
	maxKey       = 255  // bytes of a routing key in AMQP
	maxDirect    = 1000 // direct requests of one service that a process takes at once
)

// At sends each call to one instance of the service: a process that [service.Call].Instance and
// gomeko services name host/pid-xxxx. It is meant for inspecting a process, not for regular
// traffic. If the instance does not run, the error is [ErrUnknownService]. Instances in Python
// cannot be called this way.
//
// Such a request runs at most once: it is lost if the process ends, and then the call times out.
func At(instance string) Option {
	return func(o *options) { o.instance = instance }
}

// directKey returns the routing key for one instance, up to the name of the method.
func directKey(service, instance string) string {
	return directPrefix + service + "." + instance + "."
}

// directs takes the direct requests of a server.
type directs struct {
	key      string // directKey of this process
	consumer *consumer
	open     atomic.Bool
}

// receiveDirect makes the control queue receive direct requests for s.
func (sh *shared) receiveDirect(s *server) {
	key := directKey(s.service, sh.host.Instance())
	if len(key) >= maxKey || strings.ContainsAny(key, "*#") { // patterns of a topic exchange
		return
	}
	s.direct.key = key
	s.direct.consumer = &consumer{direct: true, all: &consumers{server: s, maxFurther: -1}}
	sh.control.ReceiveFrom(sh.cfg.exchange(), key, s.takeDirect)
}

// takeDirect runs a direct request. It acknowledges the request first, because its queue ends with
// this process and must stay free for cancellations.
func (s *server) takeDirect(d *transport.Delivery) {
	d.Ack()
	if d.Redelivered {
		s.log(d).Warn("direct request dropped: it was delivered before, and may have run")
		return
	}
	d.Key = s.service + "." + strings.TrimPrefix(d.Key, s.direct.key)
	c := s.direct.consumer
	if s.direct.open.Load() && c.all.heldNow() < maxDirect {
		c.take(d)
		return
	}
	s.shared.host.Go(func(ctx context.Context) { s.refuseDirect(ctx, &request{Delivery: d, consumer: c}) })
}

// refuseDirect answers a direct request without running it.
func (s *server) refuseDirect(ctx context.Context, r *request) {
	s.settle(ctx, r, nil, ErrUnavailable.WithText("the instance "+s.shared.host.Instance()+" is starting, stopping, or has too many such calls"))
}

// heldNow returns how many deliveries are not yet answered.
func (cs *consumers) heldNow() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.held
}
