package broker

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync/atomic"
)

// A Permission is what a user may do in a virtual host. As in RabbitMQ, each field is a regular
// expression matched against the names of queues and exchanges: those that the user may configure
// (declare and delete), write to (publish, bind a queue) and read from (consume, bind to an
// exchange). The default exchange has the name amq.default. "" permits nothing, ".*" permits
// everything. The syntax is Go's, which is RabbitMQ's without lookarounds and back references.
type Permission struct {
	Configure, Write, Read string
}

// Err returns an error if one of the expressions is invalid.
func (p Permission) Err() error {
	_, err := p.compile()
	return err
}

func (p Permission) compile() (*rights, error) {
	r := &rights{Permission: p}
	for _, e := range []struct {
		name, text string
		into       **regexp.Regexp
	}{{"configure", p.Configure, &r.configure}, {"write", p.Write, &r.write}, {"read", p.Read, &r.read}} {
		text := e.text
		if text == "" {
			text = "^$"
		}
		var err error
		if *e.into, err = regexp.Compile(text); err != nil {
			return r, fmt.Errorf("%s: %q is not a regular expression: %w", e.name, e.text, err)
		}
	}
	return r, nil
}

// Access is what a user may do at a [Broker].
type Access struct {
	// VHosts maps the virtual hosts that the user may use to its permissions in them. If VHosts is
	// nil, the user has every permission in every virtual host, including those created later.
	VHosts map[string]Permission

	// Administrator lets a user with VHosts use the management API, which does not check its
	// permissions. A user without VHosts may always use it.
	Administrator bool

	// MaxConnections and MaxChannels limit the user's connections and channels. Exceeding a limit
	// closes the connection with 530. 0 means unlimited.
	MaxConnections, MaxChannels int
}

// rights are a compiled Permission.
type rights struct {
	Permission
	configure, write, read *regexp.Regexp
}

// everything are the rights of a user without VHosts.
var everything, _ = Permission{".*", ".*", ".*"}.compile()

// An account is a user. The broker's mutex guards it, except for rights, which are replaced.
type account struct {
	secret      secret
	tagged      bool // Access.Administrator
	maxConns    int
	maxChannels int
	conns       int
	channels    atomic.Int64
	rights      atomic.Pointer[map[string]*rights] // by virtual host; nil is everything everywhere
}

// newAccount returns an account. An invalid expression permits nothing and is returned as the
// error.
func newAccount(password string, a Access) (*account, error) {
	acc := &account{secret: newSecret(password), tagged: a.Administrator, maxConns: a.MaxConnections, maxChannels: a.MaxChannels}
	if a.VHosts == nil {
		return acc, nil
	}
	all := map[string]*rights{}
	var wrong error
	for _, vhost := range slices.Sorted(maps.Keys(a.VHosts)) {
		r, err := a.VHosts[vhost].compile()
		if err != nil {
			wrong = fmt.Errorf("virtual host %s: %w", vhost, err)
			r, _ = Permission{}.compile() // "" is a correct expression
		}
		all[vhost] = r
	}
	acc.rights.Store(&all)
	return acc, wrong
}

// in returns the rights in a virtual host, nil if the user may not use it.
func (a *account) in(vhost string) *rights {
	if all := a.rights.Load(); all != nil {
		return (*all)[vhost]
	}
	return everything
}

// grant sets the rights in a virtual host; nil removes them. hosts are all virtual hosts: an
// account that may do everything keeps its rights in the others.
func (a *account) grant(vhost string, r *rights, hosts []string) {
	all := map[string]*rights{}
	if old := a.rights.Load(); old != nil {
		all = maps.Clone(*old)
	} else {
		for _, name := range hosts {
			all[name] = everything
		}
	}
	if r == nil {
		delete(all, vhost)
	} else {
		all[vhost] = r
	}
	a.tagged = a.administrator()
	a.rights.Store(&all)
}

// administrator reports whether the user may use the management API.
func (a *account) administrator() bool { return a.tagged || a.rights.Load() == nil }

// A right is one of the expressions of a Permission.
type right func(*rights) *regexp.Regexp

func mayConfigure(r *rights) *regexp.Regexp { return r.configure }
func mayWrite(r *rights) *regexp.Regexp     { return r.write }
func mayRead(r *rights) *regexp.Regexp      { return r.read }

// onQueue returns an error unless the user has a right on a queue.
func (ch *channel) onQueue(name string, need right) error { return ch.check("queue", name, need) }

// onExchange returns an error unless the user has a right on an exchange.
func (ch *channel) onExchange(name string, need right) error {
	if name == "" {
		name = "amq.default"
	}
	return ch.check("exchange", name, need)
}

func (ch *channel) check(kind, name string, need right) error {
	r := ch.conn.account.in(ch.vhost.name)
	if r == everything || r != nil && need(r).MatchString(name) {
		return nil
	}
	return exceptionf(codeAccessRefused, "access to %s '%s' in vhost '%s' refused for user '%s'", kind, name, ch.vhost.name, ch.conn.user)
}
