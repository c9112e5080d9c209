package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/gomeko/gomeko/service"
)

// A Verb is what a process can be asked. It is the first word of the routing key of a request.
type Verb string

// The verbs.
const (
	Ping     Verb = "ping"     // who is there
	Info     Verb = "info"     // what each package tells of the process: Registry.Info
	Describe Verb = "describe" // what the services take, return and send
	Stats    Verb = "stats"    // how many calls, and how fast
	Health   Verb = "health"   // whether the process and what it depends on are well
	Dump     Verb = "dump"     // the calls that run, with their stacks
	Level    Verb = "level"    // changes the log level for a while
)

// readable are the verbs that change nothing, and whose answers have nothing of single calls.
var readable = []Verb{Ping, Info, Describe, Stats, Health}

var verbs = append(slices.Clip(readable), Dump, Level)

// A Request is a verb for this process.
type Request struct {
	Verb Verb

	// Service is the service that is asked about, "" for all services of the process.
	Service string

	// User is the broker's user that has sent the request, "" if it is not known. The broker refuses
	// a wrong one.
	User string

	// Arguments is a JSON object with what the verb takes, or empty.
	Arguments []byte
}

// A Handler returns the answer to a request, which can be encoded as JSON. It must return when ctx
// ends. An error is sent to the asker with its text, which should say what to do.
type Handler func(ctx context.Context, r Request) (any, error)

// A Registry has what a process answers. Its methods may be called concurrently.
type Registry struct {
	mu sync.Mutex

	handlers  map[Verb]Handler
	parts     map[string]func() any
	consumers map[string]func() int
	versions  map[string]string
}

// Of returns the registry of the host's process.
func Of(h *service.Host) *Registry {
	r, _ := service.Shared(h, func(*service.Host) (*Registry, error) { // never fails
		r := &Registry{parts: map[string]func() any{}, consumers: map[string]func() int{}, versions: map[string]string{}}
		r.handlers = map[Verb]Handler{Info: r.info}
		return r, nil
	})
	return r
}

// Handle adds the handler of a verb, before the container starts. Each verb has one.
func (r *Registry) Handle(v Verb, h Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(verbs, v) || r.handlers[v] != nil {
		panic(fmt.Sprintf("control: the verb %s does not exist, or has a handler", v))
	}
	r.handlers[v] = h
}

// Info adds a part of the answer to the verb info. tell is called for each request, in a goroutine
// of its own, and returns a value that can be encoded as JSON. A later part of the same name
// replaces the first.
func (r *Registry) Info(name string, tell func() any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[name] = tell
}

// Part returns a part of the answer to the verb info, nil if there is none of this name.
func (r *Registry) Part(name string) any {
	r.mu.Lock()
	tell := r.parts[name]
	r.mu.Unlock()
	if tell == nil {
		return nil
	}
	return tell()
}

// Consumers adds the function that tells how many consumers this process has on the request queue
// of a service, rpc-<service>.
func (r *Registry) Consumers(service string, count func() int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.consumers[service] = count
}

// Version sets the version of a service, which every answer has.
func (r *Registry) Version(service, version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions[service] = version
}

// services returns what every answer says about the services of the process.
func (r *Registry) services(names []string) []Service {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Service, len(names))
	for i, name := range names {
		all[i] = Service{Name: name, Version: r.versions[name]}
		if count := r.consumers[name]; count != nil {
			n := count()
			all[i].Consumers = &n
		}
	}
	return all
}

// handler returns the handler of a verb, nil if there is none.
func (r *Registry) handler(v Verb) Handler {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.handlers[v]
}

// info is the handler of the verb info.
func (r *Registry) info(context.Context, Request) (any, error) {
	r.mu.Lock()
	parts := maps.Clone(r.parts)
	r.mu.Unlock()
	answer := make(map[string]any, len(parts))
	for name, tell := range parts {
		answer[name] = tell()
	}
	return answer, nil
}
