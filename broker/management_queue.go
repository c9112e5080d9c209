package broker

import (
	"github.com/gomeko/gomeko/internal/frame"
)

type queueJSON struct {
	Name       string         `json:"name"`
	VHost      string         `json:"vhost"`
	Node       string         `json:"node"`
	Type       string         `json:"type"`
	State      string         `json:"state"`
	Durable    bool           `json:"durable"`
	AutoDelete bool           `json:"auto_delete"`
	Exclusive  bool           `json:"exclusive"`
	Arguments  map[string]any `json:"arguments"`
	Policy     *string        `json:"policy"`
	Consumers  int            `json:"consumers"`
	messagesJSON
	RAM             int      `json:"messages_ram"`
	Persistent      int      `json:"messages_persistent"` // on disk: none
	Bytes           int      `json:"message_bytes"`
	ReadyBytes      int      `json:"message_bytes_ready"`
	UnackedBytes    int      `json:"message_bytes_unacknowledged"`
	RAMBytes        int      `json:"message_bytes_ram"`
	PersistentBytes int      `json:"message_bytes_persistent"`
	OperatorPolicy  *string  `json:"operator_policy"`
	PolicyInForce   struct{} `json:"effective_policy_definition"`
	*classicJSON
	*quorumJSON

	// Set only when one queue is requested.
	Owner      *ownerJSON     `json:"owner_pid_details,omitempty"`
	Details    []consumerJSON `json:"consumer_details,omitzero"`
	Incoming   []struct{}     `json:"incoming,omitzero"`   // rates of exchanges: not measured
	Deliveries []struct{}     `json:"deliveries,omitzero"` // rates of channels: not measured
}

type classicJSON struct {
	ReadyRAM     int      `json:"messages_ready_ram"`
	UnackedRAM   int      `json:"messages_unacknowledged_ram"`
	Paged        int      `json:"messages_paged_out"`
	PagedBytes   int      `json:"message_bytes_paged_out"`
	Oldest       *int     `json:"head_message_timestamp"`
	Replicas     []string `json:"recoverable_slaves"`
	ExclusiveTag *string  `json:"exclusive_consumer_tag"`
	ActiveTag    *string  `json:"single_active_consumer_tag"`
}

type quorumJSON struct {
	Dead      int      `json:"messages_dlx"` // not yet dead-lettered
	DeadBytes int      `json:"message_bytes_dlx"`
	ActiveTag *string  `json:"single_active_consumer_ctag"`
	Leader    string   `json:"leader"`
	Members   []string `json:"members"`
	Online    []string `json:"online"`
}

type ownerJSON struct {
	Name string `json:"name"`
	peerJSON
}

// json describes the queue. Its virtual host must be locked.
func (q *queue) json() queueJSON {
	j := queueJSON{
		Name: q.name, VHost: q.vhost.name, Node: nodeName, State: "running",
		Durable: q.durable, AutoDelete: q.autoDelete, Exclusive: q.owner != nil, Arguments: jsonTable(q.arguments),
		Consumers: len(q.consumers), messagesJSON: q.totals(),
	}
	j.ReadyBytes, j.UnackedBytes = q.ready.bytes, q.unsettledBytes
	j.RAM, j.Bytes, j.RAMBytes = j.Messages, j.ReadyBytes+j.UnackedBytes+q.limbo.bytes, j.ReadyBytes+j.UnackedBytes+q.limbo.bytes
	if q.quorum {
		nodes := []string{nodeName}
		j.Type, j.quorumJSON = "quorum", &quorumJSON{Leader: nodeName, Members: nodes, Online: nodes, ActiveTag: q.active.name(), Dead: q.limbo.len(), DeadBytes: q.limbo.bytes}
		return j
	}
	j.Type, j.classicJSON = "classic", &classicJSON{
		ReadyRAM: j.Ready, UnackedRAM: j.Unacked, ExclusiveTag: q.exclusive.name(), ActiveTag: q.active.name(),
	}
	return j
}

// name returns the consumer's tag, or nil for a nil consumer.
func (c *consumer) name() *string {
	if c == nil {
		return nil
	}
	return &c.tag
}

func (r *request) queues() (any, error) {
	return collect(r, func(v *vhost) (all []queueJSON) {
		for _, q := range sorted(v.queues) {
			all = append(all, q.json())
		}
		return all
	})
}

// withQueue locks the virtual host and calls do with the queue in the path.
func (r *request) withQueue(do func(*queue) error) error {
	v, err := r.host()
	if err != nil {
		return err
	}
	v.lock()
	defer v.unlock()
	if q := v.queues[r.PathValue("name")]; q != nil {
		return do(q)
	}
	return errNoObject
}

func (r *request) getQueue() (any, error) {
	var j queueJSON
	err := r.withQueue(func(q *queue) error {
		j = q.json()
		j.Details, j.Incoming, j.Deliveries = q.details(), []struct{}{}, []struct{}{}
		if q.owner != nil {
			j.Owner = &ownerJSON{q.owner.name(), q.owner.peer()}
		}
		return nil
	})
	return j, err
}

// A declaration is the body of a request that creates an exchange or a queue.
type declaration struct {
	Type       string     `json:"type"`
	Durable    bool       `json:"durable"`
	AutoDelete bool       `json:"auto_delete"`
	Internal   bool       `json:"internal"`
	Arguments  jsonObject `json:"arguments"`
}

func (r *request) putQueue() (any, error) {
	name := r.PathValue("name")
	return r.declare(func(v *vhost) bool { return v.queues[name] != nil }, func(d declaration, arguments frame.Table) frame.Method {
		return &frame.QueueDeclare{Queue: name, Durable: d.Durable, AutoDelete: d.AutoDelete, Arguments: arguments}
	})
}

// declare creates what the body describes, unless it already exists with the same properties.
func (r *request) declare(exists func(*vhost) bool, method func(declaration, frame.Table) frame.Method) (any, error) {
	v, err := r.host()
	if err != nil {
		return nil, &refusal{errNoObject.status, "not_found", "vhost_not_found"}
	}
	var d declaration
	if err := r.decode(&d); err != nil {
		return nil, err
	}
	arguments, err := tableOf(d.Arguments)
	if err != nil {
		return nil, err
	}
	v.lock()
	defer v.unlock()
	had := exists(v)
	if err := r.session(v).handleMethod(method(d, arguments)); err != nil {
		return nil, declined(err)
	}
	if had {
		return nil, nil
	}
	return created{}, nil
}

func (r *request) deleteQueue() (any, error) {
	return nil, r.withQueue(func(q *queue) error {
		m := &frame.QueueDelete{Queue: q.name, IfUnused: r.flag("if-unused"), IfEmpty: r.flag("if-empty")}
		return declined(r.session(q.vhost).handleMethod(m))
	})
}

func (r *request) purgeQueue() (any, error) {
	return nil, r.withQueue(func(q *queue) error {
		return declined(r.session(q.vhost).handleMethod(&frame.QueuePurge{Queue: q.name}))
	})
}
