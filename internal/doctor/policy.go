package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/deadletter"
)

// A policy is a policy or an operator policy of the broker, as the management API describes it.
type policy struct {
	Name       string         `json:"name"`
	Pattern    string         `json:"pattern"`
	ApplyTo    string         `json:"apply-to"`
	Priority   int            `json:"priority"`
	Definition map[string]any `json:"definition"`

	operator bool
}

// harm says what a key of a policy does to a queue of gomeko.
var harm = map[string]string{
	"expires":          "the broker deletes the queue with its messages while nobody consumes it",
	"message-ttl":      "messages are dropped, or retried too early",
	"max-length":       "the oldest messages are dropped",
	"max-length-bytes": "the oldest messages are dropped",
	"delivery-limit":   "messages that were returned are dropped",
}

// policies finds policies that break queues of gomeko, both existing ones and those that the
// services will declare.
func (x *examination) policies(ctx context.Context, all []queue) {
	var users, operators []policy
	vhost := url.PathEscape(x.vhost)
	if _, ok := x.get(ctx, needAPI[4], "policies/"+vhost, &users); !ok {
		return
	}
	if _, ok := x.get(ctx, "operator policies", "operator-policies/"+vhost, &operators); !ok {
		return
	}
	for i := range operators {
		operators[i].operator = true
	}
	ours := x.durable(all)
	for _, list := range [][]policy{users, operators} {
		slices.SortStableFunc(list, func(a, b policy) int { return b.Priority - a.Priority }) // only the first one applies
		broken := map[string][]string{}                                                       // queues by policy and key
		for _, q := range ours {
			i := slices.IndexFunc(list, func(p policy) bool { return p.matches(&q) })
			if i < 0 {
				continue
			}
			for _, key := range list[i].harms(&q) {
				id := fmt.Sprintf("%d %s", i, key)
				broken[id] = append(broken[id], q.Name)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(broken)) {
			var i int
			var key string
			_, _ = fmt.Sscan(id, &i, &key)
			x.harmful(&list[i], key, broken[id])
		}
	}
}

// durable returns the queues of gomeko that must stay, in order.
func (x *examination) durable(all []queue) []queue {
	ours := map[string]queue{}
	for _, p := range x.Plans {
		for _, q := range p.Topology.Queues {
			t, _ := q.Args["x-queue-type"].(string)
			ours[q.Name] = queue{Name: q.Name, Type: cmp.Or(t, "classic"), Exclusive: q.Exclusive, AutoDelete: q.AutoDelete, Arguments: q.Args}
		}
	}
	for _, q := range all {
		ours[q.Name] = q
	}
	maps.DeleteFunc(ours, func(name string, q queue) bool { return !strings.HasPrefix(name, deadletter.Prefix) || q.temporary() })
	return slices.SortedFunc(maps.Values(ours), func(a, b queue) int { return strings.Compare(a.Name, b.Name) })
}

// matches reports whether the policy applies to a queue, regardless of priority.
func (p *policy) matches(q *queue) bool {
	switch p.ApplyTo {
	case "all", "queues", q.Type + "_queues", q.Type + "s": // streams
	default:
		return false
	}
	pattern, err := regexp.Compile(p.Pattern)
	switch {
	case err == nil:
		return pattern.MatchString(q.Name)
	case p.operator: // the pattern is in Erlang's syntax: RabbitMQ reports where it applies
		return q.OperatorPolicy == p.Name
	}
	return q.Policy == p.Name
}

// harms returns the keys of the policy that break a queue, in order.
func (p *policy) harms(q *queue) (keys []string) {
	bounded := q.Arguments["x-overflow"] == "reject-publish" // a lower bound makes the broker reject messages; it drops none
	for _, key := range slices.Sorted(maps.Keys(p.Definition)) {
		if harm[key] == "" || bounded && strings.HasPrefix(key, "max-length") || key == "delivery-limit" && q.Type != "quorum" {
			continue
		}
		keys = append(keys, key)
	}
	return keys
}

// harmful adds a finding for a key of a policy.
func (x *examination) harmful(p *policy, key string, queues []string) {
	kind, command := "policy", "policy"
	if p.operator {
		kind, command = "operator policy", "operator_policy"
	}
	on := queues[0]
	if n := len(queues) - 1; n > 0 {
		on += fmt.Sprintf(" and %d more of gomeko's queues", n)
	}
	x.add(Problem, "policy-"+key, fmt.Sprintf("%s %q", kind, p.Name), "it sets %s to %s on %s: %s", key, number(p.Definition[key]), on, harm[key]).
		remedy(`rabbitmqctl clear_%s -p %s %s, or set it again with a pattern that leaves gomeko's queues out: "^(?!gomeko\.)"`, command, x.vhost, p.Name)
}

// number formats a number without an exponent, and any other value like fmt.Sprint.
func number(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
