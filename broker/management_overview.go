package broker

import (
	"net/http"
	"runtime"
	"time"
)

// The broker's name as a node of a cluster.
const (
	clusterName = "gomeko"
	nodeName    = "gomeko@localhost"
)

type overviewJSON struct {
	Product       string       `json:"product_name"`
	Version       string       `json:"rabbitmq_version"`
	Management    string       `json:"management_version"`
	Cluster       string       `json:"cluster_name"`
	Node          string       `json:"node"`
	ExchangeTypes []typeJSON   `json:"exchange_types"`
	Objects       objectsJSON  `json:"object_totals"`
	Messages      messagesJSON `json:"queue_totals"`
}

type typeJSON struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Enabled     bool   `json:"enabled"`
}

type objectsJSON struct {
	Channels    int `json:"channels"`
	Connections int `json:"connections"`
	Consumers   int `json:"consumers"`
	Exchanges   int `json:"exchanges"`
	Queues      int `json:"queues"`
}

type messagesJSON struct {
	Messages int `json:"messages"`
	Ready    int `json:"messages_ready"`
	Unacked  int `json:"messages_unacknowledged"`
}

func (m *messagesJSON) add(n messagesJSON) {
	m.Messages += n.Messages
	m.Ready += n.Ready
	m.Unacked += n.Unacked
}

func (r *request) overview() (any, error) {
	o := overviewJSON{
		Product: "gomeko", Version: rabbitVersion, Management: rabbitVersion,
		Cluster: clusterName, Node: nodeName,
	}
	for _, name := range []string{"direct", "fanout", "headers", "topic"} {
		o.ExchangeTypes = append(o.ExchangeTypes, typeJSON{name, "AMQP " + name + " exchange, as per the AMQP specification", true})
	}
	for _, v := range r.broker.hosts() {
		v.lock()
		o.Messages.add(v.totals())
		o.Objects.Connections += len(v.conns)
		o.Objects.Exchanges += len(v.exchanges)
		o.Objects.Queues += len(v.queues)
		for _, c := range v.clients() {
			o.Objects.Channels += len(c.channels)
		}
		for _, q := range v.queues {
			o.Objects.Consumers += len(q.consumers)
		}
		v.unlock()
	}
	return o, nil
}

// totals counts the messages of all queues.
func (v *vhost) totals() (n messagesJSON) {
	for _, q := range v.queues {
		n.add(q.totals())
	}
	return n
}

func (q *queue) totals() messagesJSON {
	q.expire()
	return messagesJSON{q.ready.len() + q.unsettled + q.limbo.len(), q.ready.len(), q.unsettled}
}

type nodeJSON struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Running     bool     `json:"running"`
	Partitions  []string `json:"partitions"`
	Uptime      int64    `json:"uptime"` // milliseconds
	Processors  int      `json:"processors"`
	Memory      int64    `json:"mem_used"` // of messages
	MemoryLimit int64    `json:"mem_limit"`
	MemoryAlarm bool     `json:"mem_alarm"`
	DiskAlarm   bool     `json:"disk_free_alarm"`
}

func (b *Broker) node() nodeJSON {
	return nodeJSON{
		Name: nodeName, Type: "ram", Running: true, Partitions: []string{},
		Uptime: time.Since(b.began).Milliseconds(), Processors: runtime.GOMAXPROCS(0),
		Memory: b.alarm.total(), MemoryLimit: b.alarm.limit, MemoryAlarm: b.alarm.isOn(),
	}
}

func (r *request) nodes() (any, error) { return []nodeJSON{r.broker.node()}, nil }

func (r *request) getNode() (any, error) {
	if r.PathValue("name") != nodeName {
		return nil, errNoObject
	}
	return r.broker.node(), nil
}

type healthJSON struct {
	Status string `json:"status"`
}

// healthy answers the checks that cannot fail here.
func (r *request) healthy() (any, error) { return healthJSON{"ok"}, nil }

func (r *request) aliveness() (any, error) {
	if _, err := r.host(); err != nil {
		return nil, err
	}
	return r.healthy()
}

func (r *request) alarms() (any, error) {
	if r.broker.alarm.isOn() {
		return nil, &refusal{http.StatusServiceUnavailable, "failed", "There are alarms in effect in the cluster"}
	}
	return r.healthy()
}

type featureJSON struct {
	Name        string `json:"name"`
	State       string `json:"state"`
	Stability   string `json:"stability"`
	Description string `json:"desc"`
	DocURL      string `json:"doc_url"`
	ProvidedBy  string `json:"provided_by"`
}

// featureFlags lists, of the queue types for which RabbitMQ has feature flags, those that the
// broker supports.
func (r *request) featureFlags() (any, error) {
	return []featureJSON{
		{"quorum_queue", "enabled", "stable", "Support queues of type `quorum`", "", "rabbit"},
		{"stream_queue", "unavailable", "stable", "Support queues of type `stream`", "", "rabbit"},
	}, nil
}

// policies returns an empty list, because the broker has no policies.
func (r *request) policies() (any, error) {
	return collect(r, func(*vhost) []struct{} { return nil })
}
