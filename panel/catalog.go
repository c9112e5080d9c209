package panel

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/fleet"
	"github.com/gomeko/gomeko/panel/run"
	"github.com/gomeko/gomeko/transport"
)

const (
	// lookTime is how often the panel looks for services in the fleet while people use it, and
	// seldomTime how often otherwise.
	lookTime, seldomTime = 10 * time.Second, time.Minute

	// answerTime limits the wait for the fleet's answers, and brokerTime the wait for the broker.
	answerTime, brokerTime = time.Second, 3 * time.Second

	// describedAtOnce limits how many services are asked at the same time to describe themselves.
	describedAtOnce = 8

	// unseenTime is how long after its last answer a service counts as stopped. It is longer than
	// the time between two looks.
	unseenTime = 3 * lookTime
)

// A hosted is a service of the fleet: its description, and when it last answered.
type hosted struct {
	*contract.Document
	Seen      time.Time // the last answer
	Instances []string  // the instances in the last answer; none before the first answer since the panel was started
}

// Running reports whether a process has answered recently.
func (h *hosted) Running() bool { return len(h.Instances) > 0 }

// row returns the row with this name that people may run, or nil if there is none.
func (h *hosted) row(name string) *contract.Row {
	i := slices.IndexFunc(h.Rows, func(r contract.Row) bool { return r.Name == name && r.Allow != "" })
	if i < 0 {
		return nil
	}
	return &h.Rows[i]
}

// A catalog holds the services of the fleet as they described themselves. The database keeps them
// for a panel that starts while they are not running.
type catalog struct {
	db   *sql.DB
	conn *transport.Conn
	log  *slog.Logger

	looking sync.Mutex // held while asking the fleet

	mu       sync.Mutex
	services map[string]*hosted // by name; the values do not change
	asked    time.Time          // when the fleet was last asked
	used     time.Time          // when a page last needed the services
	problem  string             // why the fleet could not be asked; "" if it answered
}

// openCatalog returns a catalog with the services in the database.
func openCatalog(ctx context.Context, db *sql.DB, conn *transport.Conn, log *slog.Logger) (*catalog, error) {
	c := &catalog{db: db, conn: conn, log: log, services: map[string]*hosted{}}
	rows, err := db.QueryContext(ctx, `SELECT name, description, seen_at FROM gomeko_panel_service`)
	if err != nil {
		return nil, fmt.Errorf("database of the panel: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, text string
		var seen int64
		if err := rows.Scan(&name, &text, &seen); err != nil {
			return nil, fmt.Errorf("database of the panel: %w", err)
		}
		document := new(contract.Document)
		if err := json.Unmarshal([]byte(text), document); err != nil {
			log.Warn("the panel cannot read the description of a service in its database", "service", name, "err", err)
			continue
		}
		c.services[name] = &hosted{Document: document, Seen: time.UnixMicro(seen)}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("database of the panel: %w", err)
	}
	return c, nil
}

// all returns the services, ordered by name.
func (c *catalog) all() []*hosted {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = time.Now()
	return slices.SortedFunc(maps.Values(c.services), func(a, b *hosted) int { return cmp.Compare(a.Service, b.Service) })
}

// find returns a service, or nil if no process of it has ever answered.
func (c *catalog) find(service string) *hosted {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = time.Now()
	return c.services[service]
}

// service returns a service for package run.
func (c *catalog) service(_ context.Context, name string) (run.Service, error) {
	s := c.find(name)
	if s == nil {
		return run.Service{}, fmt.Errorf("service %s %w: no process of it has ever answered", name, run.ErrUnknownRow)
	}
	return run.Service{Document: s.Document, Running: s.Running(), Seen: s.Seen}, nil
}

// trouble returns the reason, for users, why the panel cannot ask the fleet, or "".
func (c *catalog) trouble() string {
	if since := c.conn.Away(); !since.IsZero() {
		return "The broker has been away since " + since.Format(time.TimeOnly) + ". Nothing can be started until it is back."
	}
	if err := c.conn.Blocked(); err != nil {
		return "Nothing can be started: " + err.Error() + "."
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problem
}

// tick asks the fleet if the time has come.
func (c *catalog) tick(ctx context.Context) {
	c.mu.Lock()
	wait := seldomTime
	if time.Since(c.used) < seldomTime {
		wait = 0
	}
	due := time.Since(c.asked) >= wait
	c.mu.Unlock()
	if due {
		c.refresh(ctx)
	}
}

// refresh asks the fleet which services run, and asks new ones to describe themselves.
func (c *catalog) refresh(ctx context.Context) {
	c.looking.Lock()
	defer c.looking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, brokerTime)
	defer cancel()
	answers, err := fleet.Survey(ctx, c.conn, fleet.Question{Verb: "ping", Wait: answerTime})
	now := time.Now()
	c.mu.Lock()
	c.asked, c.problem = now, ""
	if err != nil {
		c.problem = "The fleet does not answer: " + err.Error()
	}
	c.mu.Unlock()
	if err != nil {
		return
	}
	instances := map[string][]string{}
	for _, a := range answers.Answers {
		for _, s := range a.Services {
			instances[s.Name] = append(instances[s.Name], a.Instance)
		}
	}
	var asked sync.WaitGroup
	places := make(chan struct{}, describedAtOnce)
	for name, there := range instances {
		slices.Sort(there)
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			c.note(ctx, name, there, now)
		})
	}
	asked.Wait()
	c.forgetInstances(instances, now)
}

// note records that instances of a service have answered.
func (c *catalog) note(ctx context.Context, service string, instances []string, now time.Time) {
	c.mu.Lock()
	before := c.services[service]
	c.mu.Unlock()
	next := &hosted{Seen: now, Instances: instances}
	if before != nil {
		next.Document = before.Document
	}
	if before == nil || newcomer(before.Instances, instances) {
		documents, err := fleet.Describe(ctx, c.conn, service, answerTime)
		switch {
		case err == nil:
			next.Document = documents[0]
		case before == nil:
			if !errors.Is(err, fleet.ErrUndescribed) {
				c.log.Warn("a service could not be described to the panel", "service", service, "err", err)
			}
			return
		}
	}
	c.mu.Lock()
	c.services[service] = next
	c.mu.Unlock()
	if err := c.keep(ctx, next, before); err != nil && ctx.Err() == nil {
		c.log.Warn("the panel cannot write the description of a service into its database", "service", service, "err", err)
	}
}

// newcomer reports whether there is a new instance.
func newcomer(before, now []string) bool {
	return slices.ContainsFunc(now, func(i string) bool { return !slices.Contains(before, i) })
}

// keep writes a service into the database, if the description there is different or too old.
func (c *catalog) keep(ctx context.Context, next, before *hosted) error {
	if before != nil && before.Document == next.Document && next.Seen.Sub(before.Seen) < lookTime/2 {
		return nil
	}
	text, err := json.Marshal(next.Document)
	if err != nil {
		return err
	}
	_, err = c.db.ExecContext(ctx, `INSERT INTO gomeko_panel_service (name, description, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET description = excluded.description, seen_at = excluded.seen_at`,
		next.Service, strings.ToValidUTF8(string(text), "\uFFFD"), next.Seen.UnixMicro())
	return err
}

// forgetInstances marks services that have not answered for a while as stopped.
func (c *catalog) forgetInstances(there map[string][]string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, s := range c.services {
		if there[name] == nil && len(s.Instances) > 0 && now.Sub(s.Seen) >= unseenTime {
			c.services[name] = &hosted{Document: s.Document, Seen: s.Seen}
		}
	}
}
