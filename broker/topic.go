package broker

import "strings"

// topicRoutes is a trie of the words of the binding keys, in which '*' stands for one
// word and '#' for any number. A key is looked up word by word, with all nodes that
// the words so far may have led to: the cost grows with the words of the key and the
// wildcards on their way, not with the number of bindings.
type topicRoutes struct {
	root          topicNode
	current, next []*topicNode // scratch
	step          uint64       // counts words looked up, to reach each node once
}

type topicNode struct {
	children map[string]*topicNode
	queues   []*queue
	hash     bool   // its own word is '#'
	step     uint64 // when it was last reached
}

func (r *topicRoutes) add(key string, q *queue) {
	n := &r.root
	for word, rest, more := cutWord(key); more; word, rest, more = cutWord(rest) {
		child := n.children[word]
		if child == nil {
			child = &topicNode{hash: word == "#"}
			if n.children == nil {
				n.children = make(map[string]*topicNode)
			}
			n.children[word] = child
		}
		n = child
	}
	n.queues = append(n.queues, q)
}

func (r *topicRoutes) remove(key string, q *queue) { r.root.remove(key, q) }

// remove also cuts off the branch that is left without queues.
func (n *topicNode) remove(key string, q *queue) {
	word, rest, more := cutWord(key)
	if !more {
		n.queues = without(n.queues, q)
		return
	}
	child := n.children[word]
	child.remove(rest, q)
	if len(child.queues) == 0 && len(child.children) == 0 {
		delete(n.children, word)
	}
}

func (r *topicRoutes) find(key string, found func(*queue)) {
	r.step++
	r.next = r.next[:0]
	r.reach(&r.root)
	for word, rest, more := cutWord(key); more; word, rest, more = cutWord(rest) {
		r.current, r.next = r.next, r.current[:0]
		r.step++
		for _, n := range r.current {
			if n.hash {
				r.reach(n)
			}
			r.reach(n.children[word])
			r.reach(n.children["*"])
		}
	}
	for _, n := range r.next {
		for _, q := range n.queues {
			found(q)
		}
	}
}

// reach adds a node to those that the words so far lead to, and with it the '#' below
// it, which needs no word.
func (r *topicRoutes) reach(n *topicNode) {
	for n != nil && n.step != r.step {
		n.step = r.step
		r.next = append(r.next, n)
		n = n.children["#"]
	}
}

// cutWord cuts the first word off a key. What is left keeps its dot, so that "a." is
// two words and "" none.
func cutWord(key string) (word, rest string, more bool) {
	if key == "" {
		return "", "", false
	}
	key = strings.TrimPrefix(key, ".")
	if i := strings.IndexByte(key, '.'); i >= 0 {
		return key[:i], key[i:], true
	}
	return key, "", true
}
