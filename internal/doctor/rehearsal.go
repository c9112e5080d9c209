package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/topology"
	"github.com/gomeko/gomeko/transport"
)

// Reply codes of the broker.
const (
	accessRefused      = 403
	resourceLocked     = 405
	preconditionFailed = 406
	notImplemented     = 540
)

// rehearse asks the broker for everything that the services will ask it for.
func (x *examination) rehearse(ctx context.Context) {
	seen := map[string]bool{}
	for _, p := range x.Plans {
		limited, cancel := context.WithTimeout(ctx, requestTime)
		refusals, err := x.conn.Rehearse(limited, transport.Use{Topology: p.Topology, Consumes: p.Consumes, Writes: p.Writes})
		cancel()
		for _, refusal := range refusals {
			x.refusal(p, refusal, seen)
		}
		if err != nil && ctx.Err() == nil {
			x.add(Problem, "declaration", p.By, "the broker cannot be asked for what the services declare: %v", err)
			return
		}
	}
}

// subject finds the queue or the exchange that a refusal is about.
var subject = regexp.MustCompile(`(queue|exchange) '([^']*)' in vhost '([^']*)'`)

// refusal adds a finding for a part of a plan that the broker refused, unless it has been added
// before.
func (x *examination) refusal(p connection.Plan, err error, seen map[string]bool) {
	err = topology.Explain(err)
	var refused *transport.Error
	if !errors.As(err, &refused) || seen[refused.Text+refused.Remedy] {
		return
	}
	seen[refused.Text+refused.Remedy] = true
	check, remedy := "declaration", refused.Remedy
	switch refused.Code {
	case accessRefused:
		check = "permission"
	case notImplemented:
		check, remedy = "feature-flag", "use a queue of another type, or a broker that has this one"
	case preconditionFailed, resourceLocked:
		check = "mismatch"
		if command := deletion(refused.Text); command != "" && refused.Code == preconditionFailed {
			remedy = fmt.Sprintf("%s: %s", remedy, command)
		}
	}
	x.add(Problem, check, p.By, "%d %s", refused.Code, refused.Text).remedy("%s", remedy)
}

// deletion returns the command that deletes the queue or exchange that a refusal is about, without
// losing messages.
func deletion(text string) string {
	m := subject.FindStringSubmatch(text)
	switch {
	case m == nil:
		return ""
	case m[1] == "queue":
		return fmt.Sprintf("rabbitmqctl delete_queue --if-empty --if-unused -p %s %s", m[3], m[2])
	}
	return fmt.Sprintf("rabbitmqadmin -V %s delete exchange name=%s", m[3], m[2])
}
