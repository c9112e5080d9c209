package broker

import (
	"slices"
	"strings"
)

type vhostJSON struct {
	Name    string `json:"name"`
	Tracing bool   `json:"tracing"`
	messagesJSON
	State       map[string]string `json:"cluster_state"`
	Description string            `json:"description"`
	Tags        []string          `json:"tags"`
	QueueType   string            `json:"default_queue_type"`
	Metadata    struct {
		Description string   `json:"description"`
		Tags        []string `json:"tags"`
	} `json:"metadata"`
}

// json describes the virtual host, which must be locked.
func (v *vhost) json() vhostJSON {
	j := vhostJSON{
		Name: v.name, messagesJSON: v.totals(), State: map[string]string{nodeName: "running"},
		Tags: []string{}, QueueType: "undefined",
	}
	j.Metadata.Tags = j.Tags
	return j
}

func (r *request) vhosts() (any, error) {
	return collect(r, func(v *vhost) []vhostJSON { return []vhostJSON{v.json()} })
}

func (r *request) getVHost() (any, error) {
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	v.lock()
	defer v.unlock()
	return v.json(), nil
}

func (r *request) putVHost() (any, error) {
	b, name := r.broker, r.PathValue("vhost")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.vhosts[name] != nil {
		return nil, nil
	}
	if err := b.alarm.checkObjects(); err != nil {
		return nil, badRequest("%v", err)
	}
	b.vhosts[name] = newVHost(name, b.log, b.alarm, b.limits)
	b.alarm.addObject(vhostMemory)
	return created{}, nil
}

func (r *request) deleteVHost() (any, error) {
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	r.broker.mu.Lock()
	if r.broker.vhosts[v.name] == v { // not one created since
		delete(r.broker.vhosts, v.name)
		r.broker.alarm.addObject(-vhostMemory)
	}
	r.broker.mu.Unlock()
	v.remove()
	return nil, nil
}

// remove deletes everything in the virtual host and closes its connections.
func (v *vhost) remove() {
	v.lock()
	defer v.unlock()
	v.removed = true
	for _, c := range v.clients() {
		c.close(exceptionf(codeConnectionForced, "vhost '%s' is deleted", v.name), closeTimeout)
	}
	for _, q := range sorted(v.queues) {
		q.remove()
	}
	for _, ex := range v.exchanges {
		for b := range ex.destination.bindings {
			v.alarm.addObject(-b.memory())
		}
		if ex.name != "" && !strings.HasPrefix(ex.name, "amq.") { // the others belong to the virtual host
			v.alarm.addObject(-ex.memory())
		}
	}
	clear(v.exchanges) // clients that are still connected cannot publish
}

// clients returns the connections in the order in which they were opened.
func (v *vhost) clients() []*conn {
	conns := make([]*conn, 0, len(v.conns))
	for c := range v.conns {
		conns = append(conns, c)
	}
	slices.SortFunc(conns, func(a, b *conn) int { return a.number - b.number })
	return conns
}
