package statsd

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/gomeko/gomeko/service"
)

// A Client sends a service's own metrics. Use it as a field of the service; its tag may set a
// prefix for the names:
//
//	Stats statsd.Client `statsd:""` // o.Stats.Incr("created") counts orders.created
//
// Names begin with the name of the service; with [Config].Tags, the service is a tag instead. Tags
// are written as "key:value", and are sent only with [Config].Tags. Use few values for each key,
// because servers keep a series for each combination. Characters that StatsD would misread are
// replaced by _.
//
// The methods only write to memory. They don't block, allocate or fail: a metric that cannot be
// sent is dropped. Several goroutines may call them. The zero Client drops everything, as does a
// field in a process without [Module], so tests need no StatsD.
type Client struct {
	sender *sender
	prefix string // of names
	tag    string // of the service, "" without Config.Tags
}

// Dependency returns the Client of a field: it implements [service.DependencyType].
func (Client) Dependency(f *service.Field) (any, error) {
	prefix := f.Tag.Get("statsd")
	err := f.Tag.Keys("statsd")
	if clean(prefix) != prefix {
		err = errors.Join(err, errors.New("the prefix in the tag must not have spaces or any of : | @ # , ;"))
	}
	s, shareErr := service.Shared(f.Host, newSender)
	if shareErr != nil || s.cfg.Address == "" {
		return Client{}, errors.Join(err, shareErr)
	}
	if s.cfg.Tags {
		return Client{sender: s, prefix: s.cfg.Prefix + prefix, tag: "service:" + clean(f.Service)}, err
	}
	return Client{sender: s, prefix: s.cfg.Prefix + clean(f.Service) + "." + prefix}, err
}

// Incr adds 1 to a counter.
func (c Client) Incr(name string, tags ...string) { c.Count(name, 1, tags...) }

// Count adds n to a counter.
func (c Client) Count(name string, n int64, tags ...string) {
	c.send(name, value{kind: "c", number: float64(n)}, tags)
}

// Gauge sets a gauge to v.
func (c Client) Gauge(name string, v float64, tags ...string) {
	c.send(name, value{kind: "g", number: v}, tags)
}

// Timing records a duration. StatsD receives it in milliseconds, with microsecond precision.
func (c Client) Timing(name string, d time.Duration, tags ...string) {
	c.send(name, timing(d), tags)
}

func (c Client) send(name string, v value, tags []string) {
	if c.sender == nil || math.IsNaN(v.number) || math.IsInf(v.number, 0) {
		return
	}
	if c.tag == "" {
		tags = nil
	}
	c.sender.add(c.prefix, name, v, c.tag, tags)
}

// clean replaces the characters of a name that StatsD would misread.
func clean(name string) string { return strings.Map(cleanRune, name) }

func cleanRune(r rune) rune {
	if r <= ' ' || r == 0x7f || strings.ContainsRune(":|@#,;", r) {
		return '_'
	}
	return r
}
