package broker

import (
	"encoding/json"
	"slices"
	"strings"
)

type userJSON struct {
	Name   string         `json:"name"`
	Tags   []string       `json:"tags"`
	Limits map[string]int `json:"limits"`
}

// administratorTag is the only tag that the broker evaluates.
const administratorTag = "administrator"

// json describes the account of a user. The broker must be locked.
func (a *account) json(name string) userJSON {
	u := userJSON{Name: name, Tags: []string{}, Limits: map[string]int{}}
	if a.administrator() {
		u.Tags = append(u.Tags, administratorTag)
	}
	if a.maxConns > 0 {
		u.Limits["max-connections"] = a.maxConns
	}
	if a.maxChannels > 0 {
		u.Limits["max-channels"] = a.maxChannels
	}
	return u
}

// administers reports whether a user may use the management API.
func (b *Broker) administers(a *account) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return a.administrator()
}

func (r *request) whoami() (any, error) {
	return struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{r.user, []string{administratorTag}}, nil
}

func (r *request) users() (any, error) {
	users := []userJSON{}
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	for _, name := range sortedKeys(r.broker.users) {
		users = append(users, r.broker.users[name].json(name))
	}
	return users, nil
}

// names returns the names of the users.
func (b *Broker) names() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sortedKeys(b.users)
}

func (r *request) getUser() (any, error) {
	name := r.PathValue("user")
	r.broker.mu.Lock()
	defer r.broker.mu.Unlock()
	a := r.broker.users[name]
	if a == nil {
		return nil, errNoObject
	}
	return a.json(name), nil
}

// tags are the tags of a user, in JSON a list or a comma-separated string.
type tags []string

func (t *tags) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*t = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// putUser creates a user without permissions, or sets the password and tags of an existing one.
func (r *request) putUser() (any, error) {
	var user struct {
		Password string `json:"password"`
		Tags     tags   `json:"tags"`
	}
	if err := r.decode(&user, "password"); err != nil {
		return nil, err
	}
	b, name, admin := r.broker, r.PathValue("user"), slices.Contains(user.Tags, administratorTag)
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.users[name]; a != nil {
		a.secret, a.tagged = newSecret(user.Password), admin
		return nil, nil
	}
	b.users[name], _ = newAccount(user.Password, Access{VHosts: map[string]Permission{}, Administrator: admin}) // no error without an expression
	return created{}, nil
}

func (r *request) deleteUser() (any, error) {
	b, name := r.broker, r.PathValue("user")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users[name] == nil {
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

func (r *rights) json(user, vhost string) permissionJSON {
	return permissionJSON{user, vhost, r.Configure, r.Write, r.Read}
}

// permissions returns the permissions in the chosen virtual hosts, for all users or for the one in
// the path.
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
			if a := r.broker.user(name); a != nil && a.in(v.name) != nil {
				all = append(all, a.in(v.name).json(name, v.name))
			}
		}
		return all
	})
}

func (r *request) getPermission() (any, error) {
	name := r.PathValue("user")
	a := r.broker.user(name)
	if a == nil {
		return nil, errNoObject
	}
	v, err := r.host()
	if err != nil {
		return nil, err
	}
	rights := a.in(v.name)
	if rights == nil {
		return nil, errNoObject
	}
	return rights.json(name, v.name), nil
}

// putPermission sets the permissions of a user. They take effect at once, for open connections too.
func (r *request) putPermission() (any, error) {
	var p permissionJSON
	if err := r.decode(&p, "configure", "write", "read"); err != nil {
		return nil, err
	}
	granted, err := Permission{p.Configure, p.Write, p.Read}.compile()
	if err != nil {
		return nil, badRequest("%v", err)
	}
	b, name, vhost := r.broker, r.PathValue("user"), r.PathValue("vhost")
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.users[name]
	if a == nil || b.vhosts[vhost] == nil {
		return nil, badRequest("vhost_or_user_not_found")
	}
	had := a.in(vhost)
	if had == everything && granted.Permission == everything.Permission {
		return nil, nil
	}
	a.grant(vhost, granted, sortedKeys(b.vhosts))
	if had == nil {
		return created{}, nil
	}
	return nil, nil
}

// deletePermission revokes a user's access to a virtual host. Open connections stay open, but
// without permissions.
func (r *request) deletePermission() (any, error) {
	b, name, vhost := r.broker, r.PathValue("user"), r.PathValue("vhost")
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.users[name]
	if a == nil || b.vhosts[vhost] == nil || a.in(vhost) == nil {
		return nil, errNoObject
	}
	a.grant(vhost, nil, sortedKeys(b.vhosts))
	return nil, nil
}
