package doctor

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gomeko/gomeko/transport"
)

// needAPI lists what only the management API can tell.
var needAPI = []string{
	"alarms of memory and disk", "the broker's clock and files", "connections without heartbeats",
	"feature flags", "policies", "leftover queues", "the number of delay queues",
}

const (
	enoughFiles = 4096 // number of files that a process should be able to open
	mostUsed    = 0.8  // the part of a limit above which its use is a warning
)

// manage runs the checks that use the broker's management API.
func (x *examination) manage(ctx context.Context) {
	if x.API == nil {
		x.Unchecked = needAPI
		return
	}
	if x.vhost == "" { // the broker cannot be reached by AMQP
		x.vhost = cmp.Or(vhostOf(x.Broker), "/")
	}
	x.overview(ctx)
	x.nodes(ctx)
	x.connections(ctx)
	x.featureFlags(ctx)
	if all, consumers, ok := x.queues(ctx); ok {
		x.delayQueues(all)
		x.policies(ctx, all)
		switch {
		case x.conn == nil:
		case x.has("alarm-memory") || x.has("alarm-disk"):
			x.add(Info, "services", "virtual host "+x.vhost, "running services are not asked for the queues that they use: publishers wait")
		default:
			x.leftovers(ctx, all, consumers)
		}
	}
	if len(x.unread) > 0 && ctx.Err() == nil {
		x.add(Warning, "management", "the management API", "%v; so this is not checked: %s", x.reason, strings.Join(x.unread, ", ")).
			remedy("check the URI of --management; its user needs the tag monitoring and access to the virtual host: rabbitmqctl set_user_tags USER monitoring")
	}
}

// vhostOf returns the virtual host of a configuration.
func vhostOf(cfg transport.Config) string {
	u, err := url.Parse(strings.FieldsFunc(cfg.URI, func(r rune) bool { return r == ';' || r == ',' })[0])
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/")
}

// get reads a path of the management API. If that fails, it records that what cannot be checked.
func (x *examination) get(ctx context.Context, what, path string, into any) (http.Header, bool) {
	if x.reason != nil && len(x.unread) > 0 && x.unread[0] == needAPI[0] { // the API is not reachable at all
		x.unread = append(x.unread, what)
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	header, err := x.API.Get(ctx, path, into)
	if err != nil {
		x.reason = cmp.Or(x.reason, err)
		x.unread = append(x.unread, what)
	}
	return header, err == nil
}

// overview checks the broker's clock.
func (x *examination) overview(ctx context.Context) {
	var overview struct {
		Product string `json:"product_name"`
		Version string `json:"rabbitmq_version"`
		Erlang  string `json:"erlang_version"`
	}
	began := time.Now()
	header, ok := x.get(ctx, needAPI[0], "overview", &overview)
	if !ok {
		return
	}
	if overview.Erlang != "" {
		x.add(Info, "management", "the management API", "RabbitMQ %s on Erlang %s", overview.Version, overview.Erlang)
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		x.clock("the broker", date, began, time.Since(began), time.Second)
	}
}

// nodes checks the alarms and the limits of each node.
func (x *examination) nodes(ctx context.Context) {
	var all []struct {
		Name         string   `json:"name"`
		Running      bool     `json:"running"`
		MemoryAlarm  bool     `json:"mem_alarm"`
		DiskAlarm    bool     `json:"disk_free_alarm"`
		Files        int      `json:"fd_used"`
		FilesTotal   int      `json:"fd_total"`
		Sockets      int      `json:"sockets_used"`
		SocketsTotal int      `json:"sockets_total"`
		Partitions   []string `json:"partitions"`
	}
	if _, ok := x.get(ctx, "alarms and files of the nodes", "nodes", &all); !ok {
		return
	}
	for _, n := range all {
		where := "node " + n.Name
		if !n.Running {
			x.add(Problem, "node", where, "the node does not run").remedy("start it: systemctl start rabbitmq-server")
			continue
		}
		if n.MemoryAlarm {
			x.add(Problem, "alarm-memory", where, "the broker is low on memory: publishers wait").
				remedy("consume or purge long queues, or raise the limit: rabbitmqctl set_vm_memory_high_watermark 0.6")
		}
		if n.DiskAlarm {
			x.add(Problem, "alarm-disk", where, "the broker is low on disk space: publishers wait").
				remedy("free disk space, or lower the limit: rabbitmqctl set_disk_free_limit 1GB")
		}
		if len(n.Partitions) > 0 {
			x.add(Problem, "partition", where, "the node has lost %s: both sides go on by themselves", strings.Join(n.Partitions, ", ")).
				remedy("mend the network, then restart the nodes of the smaller side: systemctl restart rabbitmq-server")
		}
		x.limit("files", where, "files", n.Files, n.FilesTotal)
		x.limit("files", where, "sockets", n.Sockets, n.SocketsTotal)
	}
}

// limit adds a finding if a node uses most of its limit, or if the limit is low. A total of 0 is
// unknown.
func (x *examination) limit(check, where, what string, used, total int) {
	if total > 0 && (float64(used) > mostUsed*float64(total) || what == "files" && total < enoughFiles) {
		x.add(Warning, check, where, "the broker has %d of at most %d %s open", used, total, what).
			remedy("raise LimitNOFILE in the unit of systemd, or ulimit -n: RabbitMQ recommends at least 65536")
	}
}

// connections finds connections without heartbeats.
func (x *examination) connections(ctx context.Context) {
	var all []struct {
		Name    string `json:"name"`
		Given   string `json:"user_provided_name"`
		Type    string `json:"type"`
		Timeout *int   `json:"timeout"`
		User    string `json:"user"`
	}
	if _, ok := x.get(ctx, needAPI[2], "vhosts/"+url.PathEscape(x.vhost)+"/connections", &all); !ok {
		return
	}
	for _, c := range all {
		if c.Timeout != nil && *c.Timeout == 0 && c.Type == "network" {
			x.add(Warning, "heartbeat", "connection "+cmp.Or(c.Given, c.Name), "the connection of user %q has no heartbeats: it can be dead for hours before anybody notices", c.User).
				remedy("set heartbeat = 60 in the broker's rabbitmq.conf, and heartbeat=60 in the client's URI")
		}
	}
}

// has reports whether a check has found something.
func (x *examination) has(check string) bool {
	return slices.ContainsFunc(x.Findings, func(f Finding) bool { return f.Check == check })
}

// A queue is a queue, as the management API describes it.
type queue struct {
	Name           string         `json:"name"`
	Type           string         `json:"type"`
	Exclusive      bool           `json:"exclusive"`
	AutoDelete     bool           `json:"auto_delete"`
	Arguments      map[string]any `json:"arguments"`
	Policy         string         `json:"policy"`
	OperatorPolicy string         `json:"operator_policy"`
	Messages       *int           `json:"messages"` // nil if RabbitMQ has not counted them yet
}

// temporary reports whether the broker deletes the queue on its own.
func (q *queue) temporary() bool {
	_, expires := q.Arguments["x-expires"]
	return q.Exclusive || q.AutoDelete || expires
}

// queues returns the queues of the virtual host, and the number of consumers of each. It counts the
// consumers itself, because RabbitMQ updates their number in the list of queues only every 5 s.
func (x *examination) queues(ctx context.Context) (all []queue, consumers map[string]int, ok bool) {
	vhost := url.PathEscape(x.vhost)
	if _, ok := x.get(ctx, "queues and policies", "queues/"+vhost, &all); !ok {
		return nil, nil, false
	}
	var list []struct {
		Queue struct {
			Name string `json:"name"`
		} `json:"queue"`
	}
	if _, ok := x.get(ctx, "queues and policies", "consumers/"+vhost, &list); !ok {
		return nil, nil, false
	}
	consumers = map[string]int{}
	for _, c := range list {
		consumers[c.Queue.Name]++
	}
	return all, consumers, true
}

// featureFlags checks the features of RabbitMQ that the services need.
func (x *examination) featureFlags(ctx context.Context) {
	var all []struct {
		Name  string `json:"name"`
		State string `json:"state"`
	}
	if _, ok := x.get(ctx, needAPI[3], "feature-flags", &all); !ok {
		return
	}
	state := map[string]string{}
	for _, f := range all {
		state[f.Name] = f.State
	}
	types := map[string]string{} // the service that needs a type of queue, by type
	for _, p := range x.Plans {
		for _, q := range p.Topology.Queues {
			if t, ok := q.Args["x-queue-type"].(string); ok && types[t] == "" {
				types[t] = p.By
			}
		}
	}
	for _, t := range []string{"quorum", "stream"} {
		flag, by := t+"_queue", types[t]
		switch s, known := state[flag]; {
		case !known || s == "enabled" || s == "required", by != "" && x.has("feature-flag"): // the broker itself has reported it
		case by != "":
			x.add(Problem, "feature-flag", by, "the feature flag %s is %s: queues of the type %s cannot be declared", flag, s, t).
				remedy("rabbitmqctl enable_feature_flag %s", flag)
		case s == "disabled": // but not unavailable
			x.add(Warning, "feature-flag", "the broker", "the feature flag %s is %s: queues of the type %s cannot be declared", flag, s, t).
				remedy("rabbitmqctl enable_feature_flag %s", flag)
		}
	}
}
