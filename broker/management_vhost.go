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
	if r.broker.vhosts[v.name] == v { // not one that was created since
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
		if ex.name != "" && !strings.HasPrefix(ex.name, "amq.") { // the others are the virtual host's
			v.alarm.addObject(-ex.memory())
		}
	}
	clear(v.exchanges) // so that clients that are still connected cannot publish
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

type userJSON struct {
	Name   string    `json:"name"`
	Tags   []string  `json:"tags"`
	Limits *struct{} `json:"limits,omitempty"` // not of whoami
}

// administrator describes a user: every user is an administrator.
func administrator(name string) userJSON {
	return userJSON{Name: name, Tags: []string{"administrator"}, Limits: new(struct{})}
}

func (r *request) whoami() (any, error) {
	u := administrator(r.user)
	u.Limits = nil
	return u, nil
}

func (r *request) users() (any, error) {
	users := []userJSON{}
	for _, name := range r.broker.names() {
		users = append(users, administrator(name))
	}
	return users, nil
}

// names returns the names of the users.
func (b *Broker) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name := range b.users {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r *request) getUser() (any, error) {
	name := r.PathValue("user")
	if !slices.Contains(r.broker.names(), name) {
		return nil, errNoObject
	}
	return administrator(name), nil
}

func (r *request) putUser() (any, error) {
	var user struct {
		Password string `json:"password"`
	}
	if err := r.decode(&user, "password"); err != nil {
		return nil, err
	}
	b, name := r.broker, r.PathValue("user")
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.users[name]
	b.users[name] = newSecret(user.Password)
	if known {
		return nil, nil
	}
	return created{}, nil
}

func (r *request) deleteUser() (any, error) {
	b, name := r.broker, r.PathValue("user")
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.users[name]; !known {
		return nil, errNoObject
	}
	delete(b.users, name)
	return nil, nil
}

type permissionJSON struct {
	User      string `json:"user"`
	VHost     string `json:"vhost"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

// permissions returns all permissions for every user.
func (r *request) permissions() (any, error) {
	users := r.broker.names()
	if name := r.PathValue("user"); name != "" {
		if !slices.Contains(users, name) {
			return nil, errNoObject
		}
		users = []string{name}
	}
	return collect(r, func(v *vhost) (all []permissionJSON) {
		for _, name := range users {
			all = append(all, permissionJSON{name, v.name, ".*", ".*", ".*"})
		}
		return all
	})
}

func (r *request) getPermission() (any, error) {
	if _, err := r.getUser(); err != nil {
		return nil, err
	}
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	return permissionJSON{r.PathValue("user"), v.name, ".*", ".*", ".*"}, nil
}

// putPermission accepts the permissions that every user has, and refuses any others, because they
// would have no effect.
func (r *request) putPermission() (any, error) {
	var p permissionJSON
	if err := r.decode(&p, "configure", "write", "read"); err != nil {
		return nil, err
	}
	if _, err := r.getPermission(); err != nil {
		return nil, badRequest("vhost_or_user_not_found")
	}
	if strings.Join([]string{p.Configure, p.Write, p.Read}, " ") != ".* .* .*" {
		return nil, badRequest("every user of the embedded broker may do everything: it grants .* alone")
	}
	return nil, nil
}
