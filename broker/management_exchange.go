package broker

import (
	"cmp"

	"github.com/gomeko/gomeko/internal/frame"
)

type exchangeJSON struct {
	Name       string         `json:"name"`
	VHost      string         `json:"vhost"`
	Type       string         `json:"type"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Internal   bool           `json:"internal"`
	Arguments  map[string]any `json:"arguments"`
	ActingUser string         `json:"user_who_performed_action"`

	// These are only for a request of one exchange: rates, which are not measured.
	Incoming []struct{} `json:"incoming,omitzero"`
	Outgoing []struct{} `json:"outgoing,omitzero"`
}

func (ex *exchange) json() exchangeJSON {
	return exchangeJSON{
		Name: ex.name, VHost: ex.vhost.name, Type: ex.kind, Durable: ex.durable, AutoDelete: ex.autoDelete,
		Internal: ex.internal, Arguments: jsonTable(ex.arguments), ActingUser: cmp.Or(ex.user, "rmq-internal"),
	}
}

func (r *request) exchanges() (any, error) {
	return collect(r, func(v *vhost) (all []exchangeJSON) {
		for _, ex := range sorted(v.exchanges) {
			all = append(all, ex.json())
		}
		return all
	})
}

// exchangeName returns the name in the path. The path has a name for the default exchange too.
func (r *request) exchangeName(key string) string {
	if name := r.PathValue(key); name != "amq.default" {
		return name
	}
	return ""
}

// withExchange calls do with the exchange in the path, and its virtual host locked.
func (r *request) withExchange(do func(*exchange) error) error {
	v, err := r.host()
	if err != nil {
		return err
	}
	v.lock()
	defer v.unlock()
	if ex := v.exchanges[r.exchangeName("name")]; ex != nil {
		return do(ex)
	}
	return errNoObject
}

func (r *request) getExchange() (any, error) {
	var j exchangeJSON
	err := r.withExchange(func(ex *exchange) error {
		j = ex.json()
		j.Incoming, j.Outgoing = []struct{}{}, []struct{}{}
		return nil
	})
	return j, err
}

func (r *request) putExchange() (any, error) {
	name := r.exchangeName("name")
	return r.declare(func(v *vhost) bool { return v.exchanges[name] != nil }, func(d declaration, arguments frame.Table) frame.Method {
		if d.Type == "" {
			d.Type = "direct"
		}
		return &frame.ExchangeDeclare{
			Exchange: name, Type: d.Type, Durable: d.Durable, AutoDelete: d.AutoDelete, Internal: d.Internal, Arguments: arguments,
		}
	})
}

func (r *request) deleteExchange() (any, error) {
	return nil, r.withExchange(func(ex *exchange) error {
		m := &frame.ExchangeDelete{Exchange: ex.name, IfUnused: r.flag("if-unused")}
		return declined(r.session(ex.vhost).handleMethod(m))
	})
}
