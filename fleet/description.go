package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/transport"
)

// A Description is the answer of a process to the verb describe, gomeko.describe/v1.
type Description struct {
	Services []*contract.Document `json:"services"`
}

// describe answers the verb describe.
func (p *plane) describe(_ context.Context, r control.Request) (any, error) {
	documents, err := p.documents()
	if err != nil {
		return nil, err
	}
	d := Description{Services: []*contract.Document{}}
	for _, one := range documents {
		if r.Service == "" || r.Service == one.Service {
			d.Services = append(d.Services, one)
		}
	}
	return d, nil
}

// describeServices returns the documents of the process's services.
func (p *plane) describeServices() ([]*contract.Document, error) {
	c, err := connection.Publishing(p.host)
	if err != nil {
		return nil, err
	}
	documents, versions := contract.Of(p.host, c.Accepts().Of("application/json")), versionsOf(p.host, p.cfg.Version)
	for _, d := range documents {
		d.Version = versions[d.Service]
	}
	return documents, nil
}

// ErrUndescribed is returned by [Describe] if no process describes the service.
var ErrUndescribed = errors.New("cannot be described")

// Describe returns the descriptions of a running service, by asking one process of each of its
// versions. wait limits the wait for each answer; 0 means one second. The documents come from
// elsewhere: print them with their method Print, which escapes terminal control characters. If
// there is no description, the error wraps [ErrUndescribed] and says what to do.
func Describe(ctx context.Context, conn *transport.Conn, service string, wait time.Duration) ([]*contract.Document, error) {
	found, err := Survey(ctx, conn, Question{Verb: string(control.Ping), Service: service, Wait: wait})
	if err != nil {
		return nil, err
	}
	if len(found.Answers) == 0 {
		return nil, silent(ctx, conn, service, found, wait)
	}
	var (
		documents []*contract.Document
		refusals  []error
		known     = map[string]bool{} // versions
	)
	for _, a := range found.Answers {
		i := slices.IndexFunc(a.Services, func(s AnsweringService) bool { return s.Name == service })
		if i < 0 || known[a.Services[i].Version] {
			continue
		}
		d, err := describeOne(ctx, conn, service, a.Instance, wait)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil: // try another process of this version
			refusals = append(refusals, err)
		default:
			known[a.Services[i].Version] = true
			documents = append(documents, d)
		}
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("service %s: %w: %w", service, ErrUndescribed, errors.Join(refusals...))
	}
	slices.SortFunc(documents, func(a, b *contract.Document) int { return strings.Compare(a.Version, b.Version) })
	return documents, nil
}

// describeOne asks one process for the document of a service.
func describeOne(ctx context.Context, conn *transport.Conn, service, instance string, wait time.Duration) (*contract.Document, error) {
	asked, err := Survey(ctx, conn, Question{Verb: string(control.Describe), Service: service, Instance: instance, Wait: wait})
	if err != nil {
		return nil, err
	}
	if len(asked.Answers) == 0 {
		return nil, fmt.Errorf("%s did not answer", instance)
	}
	a := asked.Answers[0] // the only one, because one instance was asked
	if a.Error != "" {
		return nil, fmt.Errorf("%s: %s", instance, a.Error)
	}
	var d Description
	if err := json.Unmarshal(a.Answer, &d); err != nil {
		return nil, fmt.Errorf("%s: answer cannot be read: %w", instance, err)
	}
	for _, one := range d.Services {
		if one != nil && one.Service == service {
			return one, nil
		}
	}
	return nil, fmt.Errorf("%s: answer has no description of service %s", instance, service)
}

// silent returns the error for a service whose processes have not answered.
func silent(ctx context.Context, conn *transport.Conn, service string, found Answers, wait time.Duration) error {
	for _, c := range found.Counts {
		if c.Service == service && c.Others > 0 {
			return fmt.Errorf("service %s: %w: its consumers do not answer: they are Nameko processes, or their gomeko.control is off",
				service, ErrUndescribed)
		}
	}
	all, err := Survey(ctx, conn, Question{Verb: string(control.Ping), Wait: wait})
	if err != nil {
		return err
	}
	var names []string
	for _, c := range all.Counts {
		names = append(names, c.Service)
	}
	remedy := "start it, or describe its package"
	if near := nearest.Likely(service, names); near != "" {
		remedy = "did you mean " + near + "?"
	} else if len(names) > 0 {
		remedy = "these services run: " + strings.Join(names, ", ")
	}
	return fmt.Errorf("service %s: %w: no process of it runs: %s", service, ErrUndescribed, remedy)
}
