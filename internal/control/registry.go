package control

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/gomeko/gomeko/service"
)

// A Verb is a question to a process. It is the first word of a request's routing key.
type Verb string

// Verbs that a process may answer.
const (
	Ping     Verb = "ping"     // which processes are running
	Info     Verb = "info"     // what packages say about the process: Registry.Info
	Describe Verb = "describe" // parameters, results and messages of the services
	Stats    Verb = "stats"    // number and speed of calls
	Health   Verb = "health"   // health of the process and of its dependencies
	Dump     Verb = "dump"     // running calls with their stacks
	Level    Verb = "level"    // changes the log level for a while
)

// readable are the verbs that change nothing, and whose answers reveal nothing about individual
// calls.
var readable = []Verb{Ping, Info, Describe, Stats, Health}

var verbs = append(slices.Clip(readable), Dump, Level)

// A Request asks this process to answer a verb.
type Request struct {
	Verb Verb

	// Service is the service in question, or "" for all services of the process.
	Service string

	// User is the broker's user that sent the request, or "" if it is unknown. The broker rejects
	// messages that name a wrong user.
	User string

	// Arguments is a JSON object with the verb's arguments, or empty.
	Arguments []byte
}

// A Handler answers a request with a value that can be encoded as JSON. It must return when ctx
// ends. The text of an error is sent to the asker, so it should say what to do.
type Handler func(ctx context.Context, r Request) (any, error)

// A Registry holds what a process answers. Its methods may be called concurrently.
type Registry struct {
	mu sync.Mutex

	handlers  map[Verb]Handler
	parts     map[string]func() any
	consumers map[string]func() int
	versions  map[string]string
}

// Of returns the registry of the host's process.
func Of(h *service.Host) *Registry {
	r, _ := service.Shared(h, func(*service.Host) (*Registry, error) { // it never fails
		r := &Registry{parts: map[string]func() any{}, consumers: map[string]func() int{}, versions: map[string]string{}}
		r.handlers = map[Verb]Handler{Info: r.info}
		return r, nil
	})
	return r
}

// Handle sets the handler of a verb. Call it before the container starts. It panics if the verb is
// unknown or already has a handler.
func (r *Registry) Handle(v Verb, h Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(verbs, v) || r.handlers[v] != nil {
		panic(fmt.Sprintf("control: the verb %s does not exist, or has a handler", v))
	}
	r.handlers[v] = h
}

// Info adds a part of the answer to the verb info. tell is called for each request, in its own
// goroutine, and returns a value that can be encoded as JSON. A later part with the same name
// replaces an earlier one.
func (r *Registry) Info(name string, tell func() any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[name] = tell
}

// Part returns a part of the answer to the verb info, or nil if there is none with this name.
func (r *Registry) Part(name string) any {
	r.mu.Lock()
	tell := r.parts[name]
	r.mu.Unlock()
	if tell == nil {
		return nil
	}
	return tell()
}

// Consumers adds a function that returns the number of consumers that this process has on the
// request queue of a service, rpc-<service>.
func (r *Registry) Consumers(service string, count func() int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.consumers[service] = count
}

// Version sets the version of a service, which is part of every answer.
func (r *Registry) Version(service, version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions[service] = version
}

// services returns the part of every answer that describes the services of the process.
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

// handler returns the handler of a verb, or nil if there is none.
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
