package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomeko/gomeko/contract"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/connection"
	"github.com/gomeko/gomeko/internal/control"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/service"
)

// Access says which verbs a process answers to clients that can write to the exchange
// gomeko.control.
type Access string

// The levels of access. docs/wire/control.md says what each verb reveals.
const (
	AccessOff  Access = "off"  // no verbs; calls can still be cancelled
	AccessRead Access = "read" // the verbs ping, info, describe, stats and health
	AccessFull Access = "full" // also dump and level
)

var accesses = map[Access]control.Access{"": control.Read, AccessOff: control.Off, AccessRead: control.Read, AccessFull: control.Full}

// ControlConfig configures [Control]. The zero value works.
type ControlConfig struct {
	// Access says which verbs the process answers. The default is [AccessRead].
	Access Access

	// Version is the version of all services. The default is, for each service, the version of its
	// module as recorded in the build.
	Version string

	// Level is the level of the process's log, which the verb level changes temporarily. Without
	// it, that verb is refused.
	Level *slog.LevelVar

	// ReadyGrace is how long the broker may be unavailable before the process reports that it is
	// not ready. The default is 0, which means at once. A negative value ignores the broker.
	ReadyGrace time.Duration

	// URL returns the URL of the process's HTTP routes, or "" if it has none. It is called after
	// the services have been set up, possibly from several goroutines at once.
	URL func() string
}

// Control returns the extension that makes a process visible in its fleet. It answers the verbs
// sent by the commands gomeko services, stats, health, describe, dump and level. Package runner
// configures it; other programs add it to their services:
//
//	service.Configure(fleet.Control(fleet.ControlConfig{Access: fleet.AccessFull}))
//
// A process that does not use the broker, such as one with routes only, answers nothing. A process
// that otherwise only consumes also opens the connection for publishing.
func Control(cfg ControlConfig) service.Extension {
	return func(h *service.Host) error {
		access, ok := accesses[cfg.Access]
		switch {
		case !ok:
			return fmt.Errorf("fleet.Control: Access %q: must be off, read or full", cfg.Access)
		case access == control.Off || !connection.Used(h):
			return nil
		}
		if _, twice := service.Sharing[*plane](h); twice {
			return errors.New("fleet.Control is configured twice: remove one; package runner configures it by the key gomeko.control")
		}
		q, err := control.Open(h)
		if err != nil {
			return err
		}
		q.Answer(access)
		p, err := service.Shared(h, func(h *service.Host) (*plane, error) { return newPlane(h, cfg), nil })
		if err != nil {
			return err
		}
		if err := h.Observe(p.tally.observer()); err != nil {
			return err
		}
		p.register()
		return nil
	}
}

// A plane answers the verbs of a process.
type plane struct {
	host    *service.Host
	cfg     ControlConfig
	machine string
	pid     int
	tally   *tally
	level   *leveller

	documents func() ([]*contract.Document, error)
}

func newPlane(h *service.Host, cfg ControlConfig) *plane {
	machine, err := os.Hostname()
	if err != nil {
		machine = "localhost"
	}
	p := &plane{host: h, cfg: cfg, machine: machine, pid: os.Getpid(), tally: newTally(), level: newLeveller(h, cfg.Level)}
	p.documents = sync.OnceValues(p.describeServices)
	return p
}

// register adds the handlers of the verbs.
func (p *plane) register() {
	r := control.Of(p.host)
	for name, version := range versionsOf(p.host, p.cfg.Version) {
		r.Version(name, version)
	}
	r.Info("process", p.info)
	r.Info(queuesPart, func() any { return connection.Queues(p.host) })
	r.Handle(control.Ping, func(context.Context, control.Request) (any, error) { return struct{}{}, nil })
	r.Handle(control.Describe, p.describe)
	r.Handle(control.Stats, p.stats)
	r.Handle(control.Health, p.health)
	r.Handle(control.Dump, p.dump)
	r.Handle(control.Level, p.level.answer)
}

func (p *plane) url() string {
	if p.cfg.URL == nil {
		return ""
	}
	return p.cfg.URL()
}

// Info is the member process of a process's answer to the verb info, gomeko.info/v1.
type Info struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	URL     string    `json:"url,omitempty"`
	Go      string    `json:"go"`      // the Go version of the build
	Access  Access    `json:"access"`  // the verbs that it answers
	Workers int       `json:"workers"` // of each service
	Level   string    `json:"level,omitempty"`
}

func (p *plane) info() any {
	return Info{
		Host: p.machine, PID: p.pid, Started: p.tally.began, URL: p.url(), Go: runtime.Version(),
		Access: cmp.Or(p.cfg.Access, AccessRead), Workers: p.host.Workers(), Level: p.level.current(),
	}
}

// Health is the answer of a process to the verb health, gomeko.health/v1.
type Health struct {
	Ready  bool          `json:"ready"`            // the same as at gomeko.web.ready_path
	Reason string        `json:"reason,omitempty"` // why it is not ready
	Checks []HealthCheck `json:"checks"`

	// Paused lists the rows that currently consume no messages, and why.
	Paused []service.Pause `json:"paused"`
}

// A HealthCheck is the state of a dependency of a process.
type HealthCheck struct {
	Name     string    `json:"name"`
	Services []string  `json:"services"` // that use it
	Failing  bool      `json:"failing"`
	Error    string    `json:"error,omitempty"` // of the last check, without passwords
	Since    time.Time `json:"since"`           // when Failing last changed
}

// health answers the verb health with the last results of the checks. It does not wait for new
// ones.
func (p *plane) health(_ context.Context, r control.Request) (any, error) {
	h := Health{Ready: true, Checks: []HealthCheck{}, Paused: []service.Pause{}}
	if err := p.host.Ready(p.cfg.ReadyGrace); err != nil {
		h.Ready, h.Reason = false, err.Error()
	}
	for _, pause := range p.host.Pauses() {
		if r.Service == "" || pause.Service == r.Service {
			h.Paused = append(h.Paused, pause)
		}
	}
	for _, s := range p.host.Health() {
		if r.Service != "" && !slices.Contains(s.Services, r.Service) {
			continue
		}
		check := HealthCheck{Name: s.Name, Services: s.Services, Failing: s.Failing, Since: s.Since}
		if s.Err != nil {
			check.Error = secret.Mask(clip.Text(s.Err.Error(), clip.Log))
		}
		h.Checks = append(h.Checks, check)
	}
	return h, nil
}

// A Dump is the answer of a process to the verb dump, gomeko.dump/v1.
type Dump struct {
	Calls []DumpedCall `json:"calls"` // the oldest first
	More  int          `json:"more,omitempty"`
}

// A DumpedCall is a running call.
type DumpedCall struct {
	Service string  `json:"service"`
	Method  string  `json:"method"`
	ID      string  `json:"call_id"`
	Root    string  `json:"root_call_id"`
	State   string  `json:"state"`   // waiting, running, lending, left: see service.RunningCall
	Elapsed float64 `json:"elapsed"` // seconds
	Stack   string  `json:"stack,omitempty"`
}

const (
	maxDumped = 500 // calls in a dump
	maxStack  = 16 << 10
)

// dump answers the verb dump. It logs who asked, because the answer contains IDs and stacks.
func (p *plane) dump(_ context.Context, r control.Request) (any, error) {
	p.host.Logger().Info("calls dumped", "user_id", r.User)
	d := Dump{Calls: []DumpedCall{}}
	for _, c := range p.host.Running(true) {
		switch {
		case r.Service != "" && c.Service != r.Service:
			continue
		case len(d.Calls) == maxDumped:
			d.More++
			continue
		}
		d.Calls = append(d.Calls, DumpedCall{
			Service: c.Service, Method: c.Method, ID: c.ID, Root: c.Root, State: c.State,
			Elapsed: time.Since(c.Began).Seconds(), Stack: strings.TrimSpace(c.Stack[:min(len(c.Stack), maxStack)]),
		})
	}
	return d, nil
}
